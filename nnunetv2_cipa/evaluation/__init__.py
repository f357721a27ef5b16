"""Measures of predictions against references, from files alone."""

from .folders import evaluate_folders, evaluate_pairs
from .records import MEASURES, Case, Measure, Patient
from .results import Evaluation, read_evaluation

__all__ = [
    "MEASURES",
    "Case",
    "Evaluation",
    "Measure",
    "Patient",
    "evaluate_folders",
    "evaluate_pairs",
    "read_evaluation",
]
