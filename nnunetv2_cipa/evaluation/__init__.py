"""Measures of predictions against references, from files alone."""

from .cases import Case, Patient
from .evaluation import Evaluation, read_evaluation
from .measures import MEASURES, Measure
from .parallel_evaluation import evaluate_folders, evaluate_pairs

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
