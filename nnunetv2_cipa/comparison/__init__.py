"""Models side by side: paired by case, grouped by patient, with intervals, tests, costs and training curves."""

from .comparison import ComparedModel, Comparison, Findings, PairedDifference, Run, read_comparison
from .model_facts import Costs, Curve
from .statistics import Interval, PairedTest, Settings

__all__ = [
    "ComparedModel",
    "Comparison",
    "Costs",
    "Curve",
    "Findings",
    "Interval",
    "PairedDifference",
    "PairedTest",
    "Run",
    "Settings",
    "read_comparison",
]
