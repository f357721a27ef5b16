"""Whether a training fits its device when every activation is kept."""

from collections.abc import Sequence

import torch

from nnunetv2_cipa.memory import total_memory
from nnunetv2_cipa.native import library
from nnunetv2_cipa.network import VariantName

# What float32 training keeps for the backward pass, per pixel: somewhat more than benchmarks/training_memory.py
# measures with the CPU kernel (13,199 for tiny), since the other scans keep their step sizes multiplied out.
KEPT_BYTES_PER_PIXEL: dict[VariantName, int] = {"tiny": 17_000, "small": 23_000, "base": 31_000}
# On a processor, whose fused layers repeat what is cheap: measured, and rounded up.
FUSED_BYTES_PER_PIXEL: dict[VariantName, int] = {"tiny": 7_000, "small": 9_000, "base": 12_000}
RECOMPUTED_BYTES_PER_PIXEL: dict[VariantName, int] = {"tiny": 4_100, "small": 4_500, "base": 6_000}
LARGEST_SHARE = 0.5


def should_recompute(variant: VariantName, batch_size: int, patch_size: Sequence[int], device: torch.device) -> bool:
    """Tell whether the activations of a training step would take more than half of the device's memory.

    Args:
        variant: of the network.
        batch_size: images in a step on this device.
        patch_size: H and W in pixels.
        device: where the network is trained; of a device whose memory is unknown, too little is assumed.
    """
    height, width = patch_size
    fused = device.type == "cpu" and not isinstance(library.load(), str)
    kept = (FUSED_BYTES_PER_PIXEL if fused else KEPT_BYTES_PER_PIXEL)[variant] * batch_size * height * width
    return kept > LARGEST_SHARE * total_memory(device)
