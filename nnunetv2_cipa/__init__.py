"""CIPA for nnU-Net v2: two-modality PET-CT segmentation with a Mamba encoder and decoder.

What programs use is here by name and imported when it is first asked for, so that `import nnunetv2_cipa` takes no time.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nnunetv2_cipa.comparison import read_comparison
    from nnunetv2_cipa.comparison.compare import compare
    from nnunetv2_cipa.comparison.evaluate_models import References
    from nnunetv2_cipa.comparison.specification import specify
    from nnunetv2_cipa.evaluation import evaluate_folders, evaluate_pairs, read_evaluation
    from nnunetv2_cipa.network import CIPA
    from nnunetv2_cipa.scan import selective_scan, selective_scan_2d
    from nnunetv2_cipa.weights import from_published, to_published

__version__ = "0.1.0"

__all__ = [
    "CIPA",
    "References",
    "compare",
    "evaluate_folders",
    "evaluate_pairs",
    "from_published",
    "read_comparison",
    "read_evaluation",
    "selective_scan",
    "selective_scan_2d",
    "specify",
    "to_published",
]

_MODULES = {
    "CIPA": "network",
    "References": "comparison.evaluate_models",
    "compare": "comparison.compare",
    "evaluate_folders": "evaluation",
    "evaluate_pairs": "evaluation",
    "from_published": "weights",
    "read_comparison": "comparison",
    "read_evaluation": "evaluation",
    "selective_scan": "scan",
    "selective_scan_2d": "scan",
    "specify": "comparison.specification",
    "to_published": "weights",
}


def __getattr__(name: str) -> object:
    """Import what is asked for by name (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    """The module's own names and those that are imported when asked for."""
    return sorted({*globals(), *__all__})
