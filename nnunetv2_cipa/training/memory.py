"""Whether a training fits its device when every activation is kept."""

from collections.abc import Sequence

import torch

from nnunetv2_cipa.memory import total_memory
from nnunetv2_cipa.network import VariantName

# What float32 training keeps for the backward pass, per pixel: somewhat more than benchmarks/training_memory.py
# measures with the CPU kernel (14,686 for tiny), since the other scans keep their step sizes multiplied out.
KEPT_BYTES_PER_PIXEL: dict[VariantName, int] = {"tiny": 17_000, "small": 23_000, "base": 31_000}
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
    kept = KEPT_BYTES_PER_PIXEL[variant] * batch_size * height * width
    return kept > LARGEST_SHARE * total_memory(device)
