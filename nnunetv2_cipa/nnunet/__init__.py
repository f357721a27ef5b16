"""Everything that is read from nnU-Net's world: its folders, datasets, plans, folds and trainers, and their names."""
