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


class ScanSizes(NamedTuple):
    """The sizes of a scan: G groups, each with its own B and C."""

    batch: int
    groups: int
    length: int
    channels: int  # of one group
    states: int


class SequenceKernel(ABC):
    """Forward and backward of the selective scan over groups of sequences, outside of autograd.

    u, delta and y are (L, B, G, D); A (G, D, N); B, C (L, B, G, N); D, delta_bias (G, D); any strides and dtypes.
    Results are in the compute dtype. `states` is whatever the backward needs besides the inputs, batch first.
    """

    @abstractmethod
    def batch_block(self, sizes: ScanSizes, device: torch.device) -> int:
        """How many batch entries the kernel wants at once, so that a large batch takes no more memory."""

    @abstractmethod
    def states_shape(self, sizes: ScanSizes, device: torch.device) -> tuple[int, ...]:
        """Shape of `states`, which has the compute dtype."""

    @abstractmethod
    def forward(self, inputs: ScanTensors, delta_softplus: bool) -> tuple[Tensor, Tensor]:
        """Return y and `states`."""

    @abstractmethod
    def backward(self, grad_y: Tensor, inputs: ScanTensors, delta_softplus: bool, states: Tensor) -> ScanTensors:
        """Return the gradients of the inputs."""


def compute_dtype(tensor: Tensor) -> torch.dtype:
    """The dtype in which a scan of `tensor` is computed: float64 for float64, else float32."""
    return torch.float64 if tensor.dtype == torch.float64 else torch.float32
