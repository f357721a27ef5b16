"""CIPA for nnU-Net v2: two-modality PET-CT segmentation with a Mamba encoder and decoder."""

__version__ = "0.1.0"
