"""Datasets brought into nnU-Net's raw format."""
