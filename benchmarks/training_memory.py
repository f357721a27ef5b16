"""Count the bytes that a training step keeps for its backward pass, per image and per pixel, without a GPU.

`python benchmarks/training_memory.py --size 128` counts what autograd saves for CIPA's variants, with and without
recomputation, beside nnU-Net's own 2D U-Net: in float32 by the fused layers of the processor, in float32 by PyTorch's
operators, which GPUs use, and by those under autocast (bfloat16, of the same size as float16). Parameters do not count.
"""

import argparse
from contextlib import nullcontext
from unittest.mock import patch

import torch
from stock_unet import unet
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from nnunetv2_cipa.network import CIPA, VARIANTS, recomputed
from nnunetv2_cipa.network.recomputed import set_recompute

BATCH_SIZE = 2
WAYS = ("fused, float32", "float32", "autocast")


def kept_bytes(network: nn.Module, size: int, way: str) -> float:
    """Bytes kept for one image."""
    kept: dict[int, int] = {parameter.untyped_storage().data_ptr(): 0 for parameter in network.parameters()}

    def remember(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept.setdefault(storage.data_ptr(), storage.nbytes())
        return tensor

    pack = recomputed._Repeated.pack  # its hooks take the place of those below

    def remember_unrepeated(repeated: recomputed._Repeated, tensor: Tensor) -> object:
        kept_instead = pack(repeated, tensor)
        return remember(kept_instead) if isinstance(kept_instead, Tensor) else kept_instead

    # PyTorch's own operators do the work wherever somebody counts operators.
    images, labels = torch.randn(BATCH_SIZE, 2, size, size), torch.ones(BATCH_SIZE, size, size, dtype=torch.long)
    with (
        torch.autograd.graph.saved_tensors_hooks(remember, lambda tensor: tensor),
        patch.object(recomputed._Repeated, "pack", remember_unrepeated),
        torch.autocast("cpu", dtype=torch.bfloat16, enabled=way == "autocast"),
        nullcontext() if way == WAYS[0] else FlopCounterMode(display=False),
    ):
        loss = nn.functional.cross_entropy(network(images).float(), labels)
    assert loss.isfinite()  # the graph lives until here, so no storage was used twice
    return sum(kept.values()) / BATCH_SIZE


def main() -> None:
    """Count for every network and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=128, help="height and width in pixels (default: %(default)s)")
    size = parser.parse_args().size
    print("| network | activations | way | MiB per image | bytes per pixel |\n|---|---|---|---|---|")
    for name in ("U-Net", *VARIANTS):
        for recompute in (False, True) if name in VARIANTS else (False,):
            network = CIPA((size, size), variant=name) if name in VARIANTS else unet(size)  # type: ignore[arg-type]
            set_recompute(network.train(), recompute)
            for way in WAYS:
                kept = kept_bytes(network, size, way)
                row = (name, "recomputed" if recompute else "kept", way)
                print(f"| {' | '.join(row)} | {kept / 2**20:.0f} | {kept / size**2:.0f} |", flush=True)


if __name__ == "__main__":
    main()
