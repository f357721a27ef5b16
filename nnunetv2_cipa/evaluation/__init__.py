"""Measures of predictions against references, from files alone."""

from .cases import Case, Patient
from .evaluation import Evaluation, read_evaluation
from .folders import evaluate_folders, evaluate_pairs
from .measures import MEASURES, Measure

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
