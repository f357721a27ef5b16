"""Models side by side: paired by case, grouped by patient, with intervals, tests, costs and training curves."""

from .quantities import QUANTITIES, Quantity
from .records import Costs, Curve, Images, Interval, PairedDifference, PairedTest, Settings
from .results import ComparedModel, Comparison, Run, read_comparison

__all__ = [
    "QUANTITIES",
    "ComparedModel",
    "Comparison",
    "Costs",
    "Curve",
    "Images",
    "Interval",
    "PairedDifference",
    "PairedTest",
    "Quantity",
    "Run",
    "Settings",
    "read_comparison",
]
