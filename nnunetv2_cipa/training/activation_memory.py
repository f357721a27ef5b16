"""Whether a training fits its device when every activation is kept."""

from collections.abc import Sequence

import torch

from nnunetv2_cipa.memory import available_memory, total_memory
from nnunetv2_cipa.native import library
from nnunetv2_cipa.network import VariantName

# What float32 training keeps for the backward pass, per pixel: somewhat more than benchmarks/training_memory.py
# measures with the CPU kernel (13,199 for tiny), since the other scans keep their step sizes multiplied out.
KEPT_BYTES_PER_PIXEL: dict[VariantName, int] = {"tiny": 17_000, "small": 23_000, "base": 31_000}
# On a processor, whose fused layers repeat what is cheap: measured, and rounded up.
FUSED_BYTES_PER_PIXEL: dict[VariantName, int] = {"tiny": 7_000, "small": 9_000, "base": 12_000}
# Compiled under autocast, as nnU-Net trains on CUDA: benchmarks/gpu_memory.py's 4,515, 6,986 and 9,566, rounded up.
COMPILED_BYTES_PER_PIXEL: dict[VariantName, int] = {"tiny": 5_000, "small": 7_500, "base": 10_000}
RECOMPUTED_BYTES_PER_PIXEL: dict[VariantName, int] = {"tiny": 4_100, "small": 4_500, "base": 6_000}
LARGEST_SHARE = 0.5


def should_recompute(
    variant: VariantName, batch_size: int, patch_size: Sequence[int], device: torch.device, *, compiled: bool = False
) -> bool:
    """Tell whether the activations of a training step would take more than half of the device's memory.

    Args:
        variant: of the network.
        batch_size: images in a step on this device.
        patch_size: H and W in pixels.
        device: where the network is trained; of a GPU, what is free now counts; of a device whose memory is unknown,
            too little is assumed.
        compiled: whether the network is compiled and trained under autocast.
    """
    height, width = patch_size
    kept = _kept_bytes_per_pixel(device, compiled)[variant] * batch_size * height * width
    memory = available_memory(device) if device.type == "cuda" else total_memory(device)
    return kept > LARGEST_SHARE * memory


def _kept_bytes_per_pixel(device: torch.device, compiled: bool) -> dict[VariantName, int]:
    if device.type == "cuda" and compiled:
        return COMPILED_BYTES_PER_PIXEL
    fused = device.type == "cpu" and not compiled and not isinstance(library.load(), str)
    return FUSED_BYTES_PER_PIXEL if fused else KEPT_BYTES_PER_PIXEL
