"""Whole runs: from a folder of images to trained models, predictions and their comparison."""
