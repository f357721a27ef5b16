"""Fixtures for more than one test folder."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import settings
from torch import Tensor

settings.register_profile(
    "without deadlines", deadline=None
)  # how long an example takes says what else the machine does
settings.load_profile("without deadlines")

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="session")
def rule() -> ModuleType:
    """The rule that golden weights and images follow."""
    spec = importlib.util.spec_from_file_location("golden_rule", GOLDEN / "rule.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def golden() -> dict[str, np.ndarray]:
    """Activations and gradients of the published network at 128x128."""
    with np.load(GOLDEN / "cipa_tiny_128.npz") as file:
        return dict(file)


@pytest.fixture(scope="session")
def published_state_dict(rule: ModuleType) -> Callable[[int], dict[str, Tensor]]:
    """Function of the image size (128 or 512 pixels) that makes the published state dict with golden weights."""

    def make(size: int) -> dict[str, Tensor]:
        keys = json.loads((GOLDEN / f"official_tiny_{size}_keys.json").read_text())
        return {key: torch.from_numpy(rule.parameter(key, tuple(shape))) for key, shape in keys.items()}

    return make
