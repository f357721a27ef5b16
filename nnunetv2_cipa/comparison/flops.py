"""Floating-point operations of a network, counted while it runs."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import nnunetv2_cipa.scan  # noqa: F401  # registers the operators


def count_flops(network: nn.Module, image: Tensor) -> int:
    """Count the operations of one forward pass, a multiplication and an addition as two.

    PyTorch's counter counts matrix products, convolutions and attention; element-wise layers, norms, activations and
    interpolations do not count. The selective scan counts by `scan_flops`.
    """
    operators: dict[Any, Callable[..., int]] = {
        getattr(torch.ops.nnunetv2_cipa, name): formula for name, formula in SCAN_OPERATORS.items()
    }
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=operators) as counter:
        network(image)
    return int(counter.get_total_flops())


def scan_flops(x: Sequence[int], delta: Sequence[int], A: Sequence[int], *_: Any, **__: Any) -> int:  # noqa: ANN401
    """Operations of a scan, by the shapes of its x (B, H, W, D) and A (K, D, N).

    At each position of each order, every channel takes 7 for each state, in

        h = exp(delta * A) * h + (delta * x) * B,    y = sum over states of C * h + D * x

    (product and exponential of delta and A, product with h, product with B, sum, product with C, sum), and 3 more
    (delta * x, D * x and its sum).
    """
    orders, _channels, states = A
    return orders * math.prod(x) * (7 * states + 3)


def projecting_scan_flops(
    x: Sequence[int],
    delta: Sequence[int],
    A: Sequence[int],
    B: Sequence[int],
    C: Sequence[int],
    D: Sequence[int],
    delta_bias: Sequence[int],
    delta_weight: Sequence[int] | None,
    *_: Any,  # noqa: ANN401
    **__: Any,  # noqa: ANN401
) -> int:
    """Operations of a scan that also multiplies each position's delta by delta_weight (K, D, R), if there is one."""
    rank = 0 if delta_weight is None else delta_weight[-1]
    return scan_flops(x, delta, A) + 2 * A[0] * math.prod(x) * rank


SCAN_OPERATORS: dict[str, Callable[..., int]] = {
    "cpu_scan": projecting_scan_flops,
    "mamba_ssm_scan_2d": scan_flops,
    "torch_scan_2d": scan_flops,
}
