"""Measure on one GPU every scan of a training step of CIPA-tiny: the encoder's, the decoder's, and those of DCIM.

`python benchmarks/gpu_step.py --images 12 -o step.json` prints each scan's forward and backward pass, how often a step
has it, the limit of its exponentials, and what all of them take. CRM's short scans, one a stage, are left out.
`--device cpu --images 1 --side 128` tries the logic on a machine without a GPU.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import torch
from gpu import Meter, limit_milliseconds, scan_arguments, scan_milliseconds
from measuring import Row, report

from nnunetv2_cipa.network.variants import VARIANTS
from nnunetv2_cipa.scan import choose_backend

CHANNELS = 192  # that the first stage scans
PATCH = 4  # pixels of an image's side that are one position of the first stage
REGION = 4  # positions of a side of DCIM's regions
DECODER_BLOCKS, DECODER_STATES, ENCODER_STATES = 4, 4, 16


class Shape(NamedTuple):
    """A kind of scan: so many maps of side x side positions, and how many scans of it a step has."""

    name: str
    maps: int
    side: int
    channels: int
    states: int
    count: int


def shapes_of(images: int, side: int) -> list[Shape]:
    """The scans of a training step on so many images of `side` x `side` pixels."""
    shapes = []
    for stage, depth in enumerate(VARIANTS["tiny"].depths):
        positions, channels = side // PATCH // 2**stage, CHANNELS * 2**stage
        regions = positions // REGION
        shapes.append(Shape(f"encoder {stage + 1}", 2 * images, positions, channels, ENCODER_STATES, depth))
        shapes.append(Shape(f"regions {stage + 1}", images * regions**2, REGION, channels, ENCODER_STATES, 1))
        shapes.append(Shape(f"between regions {stage + 1}", images, regions, channels, ENCODER_STATES, 1))
        if stage < len(VARIANTS["tiny"].depths) - 1:
            shapes.append(Shape(f"decoder {stage + 1}", images, positions, channels, DECODER_STATES, DECODER_BLOCKS))
    return shapes


def measure(meter: Meter, images: int, side: int, backend: str) -> list[Row]:
    """A row for each kind of scan, and one for all scans of a step."""
    rows: list[Row] = []
    total = {"forward, ms": 0.0, "backward, ms": 0.0}
    for shape in shapes_of(images, side):
        arguments = scan_arguments(meter.device, shape.maps, shape.side, shape.channels, shape.states)
        took = {f"{which}, ms": ms for which, ms in scan_milliseconds(meter, arguments, backend).items()}
        steps = shape.maps * shape.side**2 * 4 * shape.channels
        limit = limit_milliseconds(meter.device, steps, shape.states)
        rows.append({"scan": shape.name, "count": shape.count, **took, "limit, ms": limit})
        for which in total:
            total[which] += shape.count * took[which]
    return [*rows, {"scan": "all", "count": sum(shape.count for shape in shapes_of(images, side)), **total}]


def main() -> None:
    """Read the command line, measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", help="cuda, or cpu to try the logic (cuda)")
    parser.add_argument("--images", type=int, default=12, help="of a step (12)")
    parser.add_argument("--side", type=int, default=512, help="of the images, a multiple of 128 pixels (512)")
    parser.add_argument("--backend", help="of the scan (the one that is chosen for the device)")
    parser.add_argument("--calls", type=int, default=10, help="that are timed (10)")
    parser.add_argument("-o", "--output", type=Path, help="JSON file for the results")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    backend = choose_backend(device, name=arguments.backend).name
    print(f"scan: {backend}\n")
    report(measure(Meter(device, arguments.calls), arguments.images, arguments.side, backend), arguments.output)


if __name__ == "__main__":
    main()
