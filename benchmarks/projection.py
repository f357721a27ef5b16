"""Time CIPA's projections on a CPU by three ways that PyTorch offers, each pass apart, in float32.

`python benchmarks/projection.py --threads 1 2 -o projection.json` takes the projections of CIPA-tiny for two images of
64x64, one of 256x256 and one of 512x512 pixels: as matrix products (PyTorch's linear layers), as 1x1 convolutions, and
by oneDNN's inner product. `nnunetv2_cipa/network/products.py` has the choice that rests on it. Medians of milliseconds.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from measuring import Row, report, time_calls

from nnunetv2_cipa.network.products import convolution, inner_product

IMAGES = ((64, 4), (256, 2), (512, 2))
"""Side in pixels, and images in a batch: CT and PET of each slice."""


def shapes() -> list[tuple[int, int, int]]:
    """Rows, channels in and channels out of SS2D's input, output and scan at the four strides."""
    return [
        (images * (side // stride) ** 2, *channels)
        for side, images in IMAGES
        for stride, width in ((4, 96), (8, 192), (16, 384), (32, 768))
        for channels in ((width, 2 * width), (2 * width, width), (2 * width, 4 * (width // 16 + 32)))
    ]


def calls(rows: int, channels: int, out: int) -> dict[str, dict[str, Callable[[], object]]]:
    """For each pass a call of each way."""
    x, weight, grad_y = torch.randn(rows, channels), torch.randn(out, channels), torch.randn(rows, out)
    leaves = x.clone().requires_grad_(), weight.clone().requires_grad_()
    with torch.enable_grad():
        convolved = convolution(*leaves)
    return {
        "forward": {
            "matrix product": lambda: F.linear(x, weight),
            "convolution": lambda: convolution(x, weight),
            "inner product": lambda: inner_product(x, weight),
        },
        "input gradient": {
            "matrix product": lambda: grad_y @ weight,
            "convolution": lambda: torch.autograd.grad(convolved, leaves[:1], grad_y, retain_graph=True),
            "inner product": lambda: inner_product(grad_y, weight.t()),
        },
        "weight gradient": {
            "matrix product": lambda: grad_y.t() @ x,
            "convolution": lambda: torch.autograd.grad(convolved, leaves[1:], grad_y, retain_graph=True),
            "inner product": lambda: inner_product(grad_y.t(), x.t()),
        },
    }


def measure(threads: int, rows: int, channels: int, out: int) -> list[Row]:
    """A row of the table for each pass."""
    torch.set_num_threads(threads)
    table: list[Row] = []
    for name, ways in calls(rows, channels, out).items():
        milliseconds = {way: 1e3 * time_calls(call, 9, 10).median for way, call in ways.items()}
        table.append(
            {
                "rows": rows,
                "channels": f"{channels} to {out}",
                "pass": name,
                "threads": threads,
                **{f"{way}, ms": value for way, value in milliseconds.items()},
                "matrix to inner": milliseconds["matrix product"] / milliseconds["inner product"],
                "convolution to inner": milliseconds["convolution"] / milliseconds["inner product"],
            }
        )
    return table


def main() -> None:
    """Measure all shapes and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", nargs="+", type=int, default=[torch.get_num_threads()], help="torch's threads")
    parser.add_argument("-o", "--output", type=Path, help="JSON file for the results")
    arguments = parser.parse_args()
    with torch.no_grad():
        rows = [row for threads in arguments.threads for shape in shapes() for row in measure(threads, *shape)]
    report(rows, arguments.output)


if __name__ == "__main__":
    main()
