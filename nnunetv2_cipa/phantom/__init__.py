"""Synthetic PET-CT: phantoms of a thorax with tumours, for trying things out where there is no data."""

from nnunetv2_cipa.phantom.patient import Patient, make_patient
from nnunetv2_cipa.phantom.pclt20k_folder import make_phantom

__all__ = ["Patient", "make_patient", "make_phantom"]
