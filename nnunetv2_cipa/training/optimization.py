"""The optimiser's recipe: what is decayed, and the cosine schedule (CIPA, section 4.2)."""

import math
from typing import Any, Protocol, runtime_checkable

from nnunetv2.training.lr_scheduler.polylr import PolyLRScheduler
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.network.state_space import DirectionalScan


def parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Split parameters in two groups: decayed; and norms, biases, scales, A_log and D, which are not decayed."""
    undecayed_ids = {id(parameter) for parameter in network.parameters() if parameter.ndim <= 1}
    for module in network.modules():
        if isinstance(module, DirectionalScan):
            undecayed_ids.update(id(parameter) for parameter in (module.A_log, module.D, module.delta_bias))
    decayed = [parameter for parameter in network.parameters() if id(parameter) not in undecayed_ids]
    undecayed = [parameter for parameter in network.parameters() if id(parameter) in undecayed_ids]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": undecayed, "weight_decay": 0.0}]


class CosineSchedule(LRScheduler):
    """Learning rate initial_lr * (1 + cos(pi * epoch / max_steps)) / 2, a function of the epoch, so it can resume.

    Follows nnU-Net's way of stepping, `step(epoch)` at the start of every epoch, and of naming the number of epochs.
    """

    def __init__(self, optimizer: Optimizer, initial_lr: float, max_steps: int) -> None:
        self.initial_lr = initial_lr
        self.max_steps = max_steps
        super().__init__(optimizer)

    def step(self, epoch: int | None = None) -> None:
        """Set every group's learning rate to that of `epoch` (0 where none is given)."""
        rate = self.initial_lr * (1 + math.cos(math.pi * (epoch or 0) / self.max_steps)) / 2
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self._last_lr = [rate for _ in self.optimizer.param_groups]

    def shorten(self, max_steps: int) -> None:
        """Fall to 0 in so many epochs, from the next `step` on."""
        self.max_steps = max_steps


@runtime_checkable
class Shortenable(Protocol):
    """A schedule of the learning rate whose end can be moved while it is used."""

    def shorten(self, max_steps: int) -> None:
        """End after so many epochs."""


def shorten(schedule: LRScheduler, max_steps: int) -> None:
    """Let a learning rate reach its end after so many epochs, from its next step on.

    Args:
        schedule: one with a method `shorten`, or nnU-Net's own, which computes the rate from its `max_steps`.
        max_steps: number of epochs in all.

    Raises:
        InputError: it is another schedule, which would not change.
    """
    require_shortenable(schedule)
    if isinstance(schedule, Shortenable):
        schedule.shorten(max_steps)
    elif isinstance(schedule, PolyLRScheduler):
        schedule.max_steps = max_steps


def require_shortenable(schedule: LRScheduler) -> None:
    """Refuse a schedule that `shorten` does not change.

    Raises:
        InputError: it is such a schedule.
    """
    if not isinstance(schedule, (Shortenable, PolyLRScheduler)):
        raise InputError(
            f"The learning rate's schedule, {type(schedule).__name__}, cannot be shortened while training. Give it a "
            "method shorten(max_steps), or train without a deadline."
        )
