"""How much is computed for a study: folds, mirroring and steps of the sliding window, within a time limit."""

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from nnunetv2_cipa.errors import InputError

STEP_SIZES = (0.5, 0.75, 1.0)
"""Of the sliding window, in patches; nnU-Net's default first."""

_TIMED_PASSES = 3
_RESERVE = 0.15


@dataclass(frozen=True)
class Effort:
    """What is computed.

    Attributes:
        folds: how many of the model's folds.
        mirrored: whether every patch is predicted mirrored, too.
        step_size: of the sliding window, in patches.
    """

    folds: int
    mirrored: bool
    step_size: float

    def __str__(self) -> str:
        """In words."""
        mirroring = "with" if self.mirrored else "without"
        folds = "1 fold" if self.folds == 1 else f"{self.folds} folds"
        return f"{folds}, {mirroring} mirroring, step size {self.step_size:g}"


def efforts(folds: int, mirroring: bool) -> list[Effort]:
    """All that a model can do, of so many folds and with or without mirroring."""
    kinds = (True, False) if mirroring else (False,)
    return [Effort(*choice) for choice in itertools.product(range(folds, 0, -1), kinds, STEP_SIZES)]


def choose_effort(
    possible: Sequence[Effort], seconds_of: Callable[[Effort], float], limit: float
) -> tuple[Effort, float]:
    """The effort with the most computation that fits, and its expected seconds; of equal ones that of more folds.

    Args:
        possible: to choose from.
        seconds_of: expected seconds of an effort.
        limit: seconds that are left.

    Raises:
        InputError: none fits.
    """
    usable = limit * (1 - _RESERVE)
    fitting = [effort for effort in possible if seconds_of(effort) <= usable]
    if not fitting:
        least = min(map(seconds_of, possible)) / (1 - _RESERVE)
        raise InputError(
            f"--time-limit: {max(limit, 0):.0f} s are left for the network, but it needs {least:.0f} s at least. "
            "Allow more, or predict on a GPU."
        )
    best = max(fitting, key=lambda effort: (seconds_of(effort), effort.folds))
    return best, seconds_of(best)


def seconds_a_pass(network: torch.nn.Module, patch: torch.Tensor, device: torch.device) -> float:
    """Seconds that a network takes for one patch `(1, C, ...)`, the fastest of a few after a first one."""
    network.to(device).eval()
    patch = patch.to(device)
    taken = []
    with torch.inference_mode(), torch.autocast(device.type, enabled=device.type == "cuda"):
        for _ in range(_TIMED_PASSES):
            start = time.perf_counter()
            network(patch)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            taken.append(time.perf_counter() - start)
    return min(taken)
