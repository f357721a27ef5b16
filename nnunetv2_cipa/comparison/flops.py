"""Floating-point operations of a network, counted while it runs."""

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from nnunetv2_cipa.scan import registry


def count_flops(network: nn.Module, image: Tensor) -> int:
    """Count the operations of one forward pass, a multiplication and an addition as two.

    PyTorch's counter counts matrix products, convolutions and attention, selective scans by their backends' own
    formula; element-wise layers, norms, activations and interpolations do not count.
    """
    formulas = registry.flop_formulas()
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=formulas) as counter:
        network(image)
    return int(counter.get_total_flops())
