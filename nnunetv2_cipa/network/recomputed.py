"""Activation checkpointing: layers that can forget what they computed, or what they were given, and compute it again.

Chen et al., "Training Deep Nets with Sublinear Memory Cost", https://arxiv.org/abs/1604.06174.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
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


def repeating(make: Callable[[], Tensor], use: Callable[[Tensor], Tensor], wanted: bool) -> Tensor:
    """Compute use(make()); if `wanted`, what is made is made again for the backward pass of `use` instead of kept.

    `make` must give the same twice. Not for layers that are recomputed anyway.
    """
    made = make()
    if not (wanted and torch.is_grad_enabled()):
        return use(made)
    repeated = _Repeated(make, made)
    with torch.autograd.graph.saved_tensors_hooks(repeated.pack, repeated.unpack):
        return use(made)


class _Repeated:
    """A tensor, and the views of all of it, that are made again when the first of them is asked for."""

    def __init__(self, make: Callable[[], Tensor], made: Tensor) -> None:
        self._make = make
        self._address, self._numel = made.data_ptr(), made.numel()  # valid as long as `made` lives: while it is used
        self._packed = self._unpacked = 0
        self._again: Tensor | None = None

    def pack(self, tensor: Tensor) -> Any:  # noqa: ANN401 - a tensor, or where its elements lie in the one made again
        """Keep a tensor, but not one that is made again."""
        if tensor.data_ptr() != self._address or tensor.numel() != self._numel:
            return tensor
        self._packed += 1
        return tensor.size(), tensor.stride()

    def unpack(self, kept: Any) -> Tensor:  # noqa: ANN401 - what `pack` returned
        """Give a tensor back."""
        if isinstance(kept, Tensor):
            return kept
        if self._again is None:
            with torch.no_grad():
                self._again = self._make()
        again = self._again.as_strided(*kept)
        self._unpacked += 1
        if self._unpacked % self._packed == 0:  # all that need it have it
            self._again = None
        return again
