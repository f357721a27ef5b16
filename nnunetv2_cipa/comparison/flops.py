"""Floating-point operations of a network, counted while it runs."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import nnunetv2_cipa.scan  # noqa: F401  # registers the operators

SCAN_OPERATORS = ("cpu_scan", "mamba_ssm_scan_2d", "torch_scan_2d")


def count_flops(network: nn.Module, image: Tensor) -> int:
    """Count the operations of one forward pass, a multiplication and an addition as two.

    PyTorch's counter counts matrix products, convolutions and attention; element-wise layers, norms, activations and
    interpolations do not count. The selective scan counts by `scan_flops`.
    """
    operators: dict[Any, Callable[..., int]] = {
        getattr(torch.ops.nnunetv2_cipa, name): scan_flops for name in SCAN_OPERATORS
    }
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=operators) as counter:
        network(image)
    return int(counter.get_total_flops())


def scan_flops(x: Sequence[int], delta: Sequence[int], A: Sequence[int], *_: Any, **__: Any) -> int:  # noqa: ANN401
    """Operations of a scan, by the shapes of its x (B, H, W, D), delta (K, B, H, W, D) and A (K, D, N).

    At each position of each order, every channel takes 7 for each state, in

        h = exp(delta * A) * h + (delta * x) * B,    y = sum over states of C * h + D * x

    (product and exponential of delta and A, product with h, product with B, sum, product with C, sum), and 3 more
    (delta * x, D * x and its sum).
    """
    orders, batch, height, width, channels = delta
    states = A[-1]
    return orders * batch * height * width * channels * (7 * states + 3)
