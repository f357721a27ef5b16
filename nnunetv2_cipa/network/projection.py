"""Projections of the channels of channels-last arrays, which take most of the network's time."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_HAS_ONEDNN = torch.backends.mkldnn.is_available()
_ITEMS = 16


class Projection(nn.Linear):
    """A linear layer over the last axis, computed by `project`."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., C) to (..., out_features)."""
        return project(x, self.weight, self.bias)


def project(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`F.linear`; in float32 on a CPU as a 1x1 convolution, because PyTorch leaves that to oneDNN.

    PyTorch's matrix products are MKL's, which on AMD's AVX-512 processors take twice as long
    (`python benchmarks/projection.py`).

    Args:
        x: (..., C).
        weight: (out, C).
        bias: (out).

    Returns:
        x times the transposed weight, plus the bias: (..., out).
    """
    if not _as_convolution(x):
        return F.linear(x, weight, bias)
    rows = math.prod(x.shape[:-1])
    items = math.gcd(rows, _ITEMS)  # with fewer, PyTorch leaves a single thread's convolution to MKL again
    images = x.reshape(items, 1, rows // items, x.shape[-1]).permute(0, 3, 1, 2)
    projected = F.conv2d(images, weight[:, :, None, None], bias)
    return projected.permute(0, 2, 3, 1).reshape(*x.shape[:-1], weight.shape[0])


def _as_convolution(x: Tensor) -> bool:
    """Whether it is worth it: compiled code has oneDNN's matrix products anyway, autocast those in other dtypes."""
    other = torch.compiler.is_compiling() or torch.is_autocast_enabled("cpu")
    return _HAS_ONEDNN and x.device.type == "cpu" and x.dtype == torch.float32 and x.numel() > 0 and not other
