"""Count, without a GPU, what a compiled training step keeps for its backward pass under bfloat16 autocast.

`python benchmarks/gpu_memory.py --size 512` traces CIPA for one image as `torch.compile` does, lets AOTAutograd's
min-cut partitioner divide forward and backward, and adds up what the forward graph hands to the backward graph: new
tensors only, with the weights' casts, without the weights. It says how many graphs there are (one, or something breaks
them), how many scans are nodes of their own, and which tensors are the largest. Nothing is computed: only shapes and
dtypes are followed, with the `triton` backend's scan where Triton is installed, else the processor's. Autocast is that
of the processor, which casts matrix products and convolutions as CUDA's does. Where the graphs are compiled, inductor
may still save some of it by fusing; what the forward pass needs for itself comes on top.
"""

import argparse
import importlib.util
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

# Before Triton is imported: without a GPU its kernels, which are not run here, exist only in its interpreter.
if importlib.util.find_spec("triton") is not None:
    os.environ.setdefault("TRITON_INTERPRET", "1")
    os.environ.setdefault("NNUNETV2_CIPA_SCAN", "triton")

import torch
from functorch.compile import min_cut_rematerialization_partition
from torch import Tensor, nn
from torch._dynamo.backends.common import aot_autograd

from nnunetv2_cipa.network import CIPA, VARIANTS
from nnunetv2_cipa.network.recomputed import set_recompute


@dataclass
class Kept:
    """What the forward graphs of a step keep."""

    graphs: int = 0
    scans: int = 0
    bytes_of: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By dtype, shape and the operator that computed it."""

    @property
    def total(self) -> int:
        """All bytes."""
        return self.bytes_of.total()

    def add(self, graph: torch.fx.Graph) -> list[Any]:
        """Count a forward graph; returns the shapes of its outputs."""
        self.graphs += 1
        self.scans += sum("scan" in str(node.target) for node in graph.nodes if node.op == "call_function")
        outputs = next(node for node in graph.nodes if node.op == "output").args[0]
        values = [output.meta["val"] if isinstance(output, torch.fx.Node) else output for output in outputs]
        for output, value in zip(outputs, values, strict=True):
            if isinstance(value, Tensor) and output.op != "placeholder":
                kind = (str(value.dtype).removeprefix("torch."), str(tuple(value.shape)), str(output.target))
                self.bytes_of[kind] += value.numel() * value.element_size()
        return values


def kept_bytes(network: nn.Module, images: Tensor) -> Kept:
    """Trace a forward pass of a network that trains."""
    kept = Kept()

    def count(graph: torch.fx.GraphModule, _: Sequence[Tensor]) -> Any:  # noqa: ANN401
        values = kept.add(graph.graph)
        return lambda *_: [torch.empty(v.shape, dtype=v.dtype) if isinstance(v, Tensor) else v for v in values]

    backend = aot_autograd(
        fw_compiler=count,
        bw_compiler=lambda graph, _: graph.forward,
        partition_fn=min_cut_rematerialization_partition,
    )
    torch._dynamo.reset()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.compile(network, backend=backend, dynamic=False)(images)
    return kept


def main() -> None:
    """Count with and without recomputation and print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=512, help="height and width in pixels (default: %(default)s)")
    parser.add_argument("--variant", choices=list(VARIANTS), default="tiny", help="of CIPA (default: %(default)s)")
    parser.add_argument("--largest", type=int, default=12, help="tensors to list (default: %(default)s)")
    arguments = parser.parse_args()
    size = arguments.size
    network = CIPA((size, size), variant=arguments.variant).train()
    for recompute in (False, True):
        set_recompute(network, recompute)
        kept = kept_bytes(network, torch.zeros(1, 2, size, size))
        layers = "layers recomputed" if recompute else "layers kept"
        print(f"\nCIPA-{arguments.variant}, {layers}: {kept.total / 1e9:.2f} GB an image of {size}x{size}, ", end="")
        print(f"{kept.total / size**2:.0f} bytes per pixel; {kept.graphs} graph, {kept.scans} scans\n")
        print("| MB | dtype | shape | computed by |\n|---|---|---|---|")
        for (dtype, shape, operator), count in kept.bytes_of.most_common(arguments.largest):
            print(f"| {count / 1e6:.1f} | {dtype} | {shape} | {operator} |")


if __name__ == "__main__":
    main()
