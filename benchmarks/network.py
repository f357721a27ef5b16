"""Time CIPA beside the U-Net that nnU-Net plans: forward, a training step, memory; by image side, batch and threads.

`python benchmarks/network.py --sides 512 --steps --memory -o network.json` measures one image of 512x512.
`python benchmarks/network.py --sides 256 512 1024 --batches 1 2 --threads 1 2` shows how the time grows.

Everything is timed in one process, in float32, calls of the networks in turn, so that a slow moment of the machine
meets all of them; figures are medians, ratios those of medians, and the spread is the range of the ratios call by call.
A training step is forward, cross entropy, backward, clipping of the gradients, and the optimizer that the network is
trained with: fused AdamW for CIPA, SGD with momentum for the U-Net.
Memory, with AdamW for both, is the most that a process of its own held during two steps, less what it held before it
built the network.
"""

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from measuring import Row, report
from stock_unet import unet
from torch import nn

from nnunetv2_cipa.comparison.network_costs import peak_memory_so_far
from nnunetv2_cipa.network import CIPA
from nnunetv2_cipa.network.recomputed import set_recompute

MEMORY_BATCH = 2
MOST_NORM = 12
"""Of gradients, as nnU-Net clips them."""
CPU = torch.device("cpu")


def cipa(size: int) -> nn.Module:
    """CIPA-tiny as the trainer builds it."""
    return CIPA((size, size))


def recomputing_cipa(size: int) -> nn.Module:
    """CIPA-tiny with activation checkpointing."""
    network = cipa(size)
    set_recompute(network, True)
    return network


NETWORKS: dict[str, Callable[[int], nn.Module]] = {
    "U-Net": unet,
    "CIPA-tiny": cipa,
    "CIPA-tiny, recomputing": recomputing_cipa,
}


def prediction(network: nn.Module, batch: int, size: int) -> Callable[[], object]:
    """A call that predicts a batch."""
    network.eval()
    images = torch.randn(batch, 2, size, size)

    def call() -> object:
        with torch.inference_mode():
            return network(images)

    return call


def sgd(network: nn.Module) -> torch.optim.Optimizer:
    """The optimizer of nnU-Net's trainer."""
    return torch.optim.SGD(network.parameters(), 1e-2, momentum=0.99, weight_decay=3e-5, nesterov=True)


def adamw(network: nn.Module) -> torch.optim.Optimizer:
    """The optimizer of CIPA's trainers."""
    return torch.optim.AdamW(network.parameters(), 1e-3, fused=True)


def trained_by(name: str) -> Callable[[nn.Module], torch.optim.Optimizer]:
    """The optimizer that a network is trained with."""
    return sgd if name == "U-Net" else adamw


def training_step(
    network: nn.Module, batch: int, size: int, make_optimizer: Callable[[nn.Module], torch.optim.Optimizer]
) -> Callable[[], object]:
    """A call that takes one training step."""
    network.train()
    optimizer = make_optimizer(network)
    images, labels = torch.randn(batch, 2, size, size), torch.ones(batch, size, size, dtype=torch.long)

    def call() -> object:
        optimizer.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(network(images), labels).backward()
        nn.utils.clip_grad_norm_(network.parameters(), MOST_NORM)
        return optimizer.step()

    return call


def seconds_in_turn(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Seconds of each call; they are called in turn, once without being timed."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for repeat in range(repeats + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if repeat:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def measure(what: str, side: int, batch: int, threads: int, repeats: int) -> list[Row]:
    """Rows of one setting, one for each network."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    calls: dict[str, Callable[[], object]] = {}
    for name, make in NETWORKS.items():
        if what == "step":
            calls[name] = training_step(make(side), batch, side, trained_by(name))
        elif name != "CIPA-tiny, recomputing":
            calls[name] = prediction(make(side), batch, side)
    seconds = seconds_in_turn(calls, repeats)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return [
        {
            "what": what,
            "side": side,
            "batch": batch,
            "threads": threads,
            "network": name,
            "seconds": median,
            "to U-Net": median / medians["U-Net"],
            "spread": spread(seconds[name], seconds["U-Net"]),
            "µs per pixel": 1e6 * median / (batch * side**2),
        }
        for name, median in medians.items()
    ]


def spread(seconds: list[float], of_reference: list[float]) -> str:
    """The least and greatest ratio of calls that were made one after the other."""
    ratios = [value / reference for value, reference in zip(seconds, of_reference, strict=True)]
    return f"{min(ratios):.2f} to {max(ratios):.2f}"


def peak_memory(name: str, side: int) -> int:
    """Bytes that two training steps need at most, measured in this process, which must be a new one."""
    before = peak_memory_so_far(CPU)
    step = training_step(NETWORKS[name](side), MEMORY_BATCH, side, adamw)
    step()
    step()
    return peak_memory_so_far(CPU) - before


def memory_rows(side: int) -> list[Row]:
    """Peak memory of a training step of each network."""
    peaks = {}
    for name in NETWORKS:
        command = [sys.executable, __file__, "--sides", str(side), "--peak-memory-of", name]
        peaks[name] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return [
        {
            "what": "memory of a step",
            "side": side,
            "batch": MEMORY_BATCH,
            "network": name,
            "GB": peak / 1e9,
            "to U-Net": peak / peaks["U-Net"],
        }
        for name, peak in peaks.items()
    ]


def main() -> None:
    """Measure what is asked for and report it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", nargs="+", type=int, default=[512], help="image sides in pixels (512)")
    parser.add_argument("--batches", nargs="+", type=int, default=[1], help="images at a time (1)")
    parser.add_argument("--threads", nargs="+", type=int, default=[torch.get_num_threads()], help="torch's threads")
    parser.add_argument("--steps", action="store_true", help="training steps too")
    parser.add_argument("--memory", action="store_true", help=f"peak memory of a step of {MEMORY_BATCH} images too")
    parser.add_argument("--repeats", type=int, default=5, help="timed calls of each (5)")
    parser.add_argument("--peak-memory-of", choices=list(NETWORKS), help=argparse.SUPPRESS)
    parser.add_argument("-o", "--output", type=Path, help="JSON file for the results")
    arguments = parser.parse_args()
    if arguments.peak_memory_of:
        print(peak_memory(arguments.peak_memory_of, arguments.sides[0]))
        return
    memory = [row for side in arguments.sides for row in memory_rows(side)] if arguments.memory else []
    rows = [
        row
        for what in (["forward", "step"] if arguments.steps else ["forward"])
        for side, batch, threads in itertools.product(arguments.sides, arguments.batches, arguments.threads)
        for row in measure(what, side, batch, threads, arguments.repeats)
    ]
    report(rows, arguments.output)
    if memory:
        report(memory, arguments.output and arguments.output.with_suffix(".memory.json"))


if __name__ == "__main__":
    main()
