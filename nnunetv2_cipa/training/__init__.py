"""CIPA's place in nnU-Net: its trainers, their recipe, and what they read from a dataset."""
