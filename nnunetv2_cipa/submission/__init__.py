"""Predictions in the forms that challenges take: run lengths in a CSV file, PNG masks, NIfTI masks."""

from .run_length import decode, encode
from .sample import SampleSubmission, check_rows, read_sample

__all__ = ["SampleSubmission", "check_rows", "decode", "encode", "read_sample"]
