"""What a backend that scans sequences has to provide: `SequenceBackend` makes both public scans from it."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor


class ScanTensors(NamedTuple):
    """The tensors of a scan, or their gradients, in the order of every scan's arguments."""

    u: Tensor
    delta: Tensor
    A: Tensor
    B: Tensor
    C: Tensor
    D: Tensor
    delta_bias: Tensor


class SequenceKernel(ABC):
    """Forward and backward of the selective scan over G groups of sequences, outside of autograd.

    u, delta and y are (B, G, L, D); A (G, D, N); B, C (B, G, L, N); D, delta_bias (G, D); any strides and dtypes.
    Results are in the compute dtype. `states` is whatever the backward needs besides the inputs.
    """

    @abstractmethod
    def states_shape(self, inputs: ScanTensors) -> tuple[int, ...]:
        """Shape of `states`, which has the compute dtype; `inputs` may be fake tensors."""

    @abstractmethod
    def forward(self, inputs: ScanTensors, delta_softplus: bool) -> tuple[Tensor, Tensor]:
        """Return y and `states`."""

    @abstractmethod
    def backward(self, grad_y: Tensor, inputs: ScanTensors, delta_softplus: bool, states: Tensor) -> ScanTensors:
        """Return the gradients of the inputs."""


def compute_dtype(tensor: Tensor) -> torch.dtype:
    """The dtype in which a scan of `tensor` is computed: float64 for float64, else float32."""
    return torch.float64 if tensor.dtype == torch.float64 else torch.float32
