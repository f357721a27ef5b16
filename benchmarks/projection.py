"""Time CIPA's projections as they are computed on a CPU, beside PyTorch's linear layers.

`python benchmarks/projection.py --threads 1 2 -o projection.json` takes those of CIPA-tiny at 512x512, in float32.
Medians.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from measuring import Row, report, time_calls
from torch import Tensor

from nnunetv2_cipa.network.projection import project

# Side of the map, channels in and out: of SS2D's input, of its output and of the scan, at the four strides.
SHAPES = [
    shape
    for side, width in ((128, 96), (64, 192), (32, 384), (16, 768))
    for shape in ((side, width, 4 * width), (side, 2 * width, width), (side, 2 * width, 4 * (width // 16 + 32)))
]


def milliseconds(function: Callable[..., Tensor], side: int, channels: int, out: int, backward: bool) -> float:
    """Median time of a projection, or of one with the gradients of its input and its weight."""
    x, weight = torch.randn(1, side, side, channels), torch.randn(out, channels)
    tensors, grad_y = [tensor.requires_grad_(backward) for tensor in (x, weight)], torch.randn(1, side, side, out)

    def call() -> None:
        y = function(*tensors)
        if backward:
            torch.autograd.grad(y, tensors, grad_y)

    return 1e3 * time_calls(call, 9, 10).median


def measure(threads: int, side: int, channels: int, out: int, backward: bool) -> Row:
    """One row of the table."""
    torch.set_num_threads(threads)
    linear, ours = (milliseconds(function, side, channels, out, backward) for function in (F.linear, project))
    return {
        "map": f"{side}x{side}, {channels} to {out}",
        "pass": "forward + backward" if backward else "forward",
        "threads": threads,
        "linear, ms": linear,
        "convolution, ms": ours,
        "times": linear / ours,
    }


def main() -> None:
    """Measure all shapes and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", nargs="+", type=int, default=[torch.get_num_threads()], help="torch's threads")
    parser.add_argument("-o", "--output", type=Path, help="JSON file for the results")
    arguments = parser.parse_args()
    rows = [
        measure(threads, *shape, backward)
        for threads in arguments.threads
        for backward in (False, True)
        for shape in SHAPES
    ]
    report(rows, arguments.output)


if __name__ == "__main__":
    main()
