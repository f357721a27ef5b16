"""Activation checkpointing: layers that can forget what they computed and compute it again for the backward pass.

Chen et al., "Training Deep Nets with Sublinear Memory Cost", https://arxiv.org/abs/1604.06174.
"""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


class Recomputed(nn.Module, ABC):
    """A layer whose backward pass keeps only the layer's inputs while `recompute` is set and the layer trains.

    Such a layer must not have state that its forward pass changes, such as batch statistics.
    """

    def __init__(self) -> None:
        super().__init__()
        self.recompute = False

    def forward(self, *inputs: Any) -> Tensor:  # noqa: ANN401
        """Compute the layer, now and, if asked for, once more in the backward pass."""
        if self.recompute and self.training:
            return checkpoint(self.compute, *inputs, use_reentrant=False)
        return self.compute(*inputs)

    @abstractmethod
    def compute(self, *inputs: Any) -> Tensor:  # noqa: ANN401
        """Compute the layer."""


def set_recompute(network: nn.Module, enabled: bool) -> None:
    """Switch activation checkpointing on or off in all layers of `network` that can do it."""
    for module in network.modules():
        if isinstance(module, Recomputed):
            module.recompute = enabled
