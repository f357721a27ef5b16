"""A comparison as one HTML page: tables, plots, and every case with its images and outlines."""
