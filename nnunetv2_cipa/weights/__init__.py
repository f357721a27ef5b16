"""Weights from elsewhere, as CIPA's own, and back."""

from nnunetv2_cipa.weights.published import from_published, to_published

__all__ = ["from_published", "to_published"]
