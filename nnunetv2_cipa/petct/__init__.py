"""PET-CT studies as they come from a scanner: DICOM series, SUV, HU, grids and labels. Knows nothing of nnU-Net."""
