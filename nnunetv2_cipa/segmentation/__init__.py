"""From a PET-CT study to a segmentation with its numbers, by any model of nnU-Net's with CT and PET channels."""
