"""Measure CIPA on one GPU: numbers, the scan, the network beside nnU-Net's U-Net, and nnU-Net's own training.

`python benchmarks/gpu.py --parts numbers scan network --modes eager -o gpu.json` takes two minutes on an H200; compiled
networks take minutes each, of which most is compiling. It needs torch, triton, dynamic-network-architectures and this
package; nnU-Net's training is left out where nnunetv2 is not installed.

- numbers: the golden network at 128x128, forward and gradients, in float32 without TF32, and under autocast;
- scan: stage 1 of 512x512, CT and PET of four images, beside the limit of the exponentials (16 a clock and
  multiprocessor) and every backend that is available;
- network: CIPA-tiny and the U-Net at 512x512, batches of 4 and 12, float16 autocast, eager and compiled;
- training: ten iterations of nnU-Net's own training with its trainer and with CIPA's, on synthetic PET-CT.

Times are medians of calls between which the GPU was waited for; memory is the most that PyTorch had allocated.
`--device cpu` with small sizes tries the logic on a machine without a GPU; such times say nothing.
"""

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from measuring import Row, describe_machine, markdown_table
from stock_unet import unet
from torch import Tensor, nn

from nnunetv2_cipa.network import CIPA
from nnunetv2_cipa.scan import backend_status, choose_backend, selective_scan_2d
from nnunetv2_cipa.scan.registry import BACKENDS
from nnunetv2_cipa.weights import from_published

GOLDEN = Path(__file__).parents[1] / "tests" / "golden"
GOLDEN_SIDE = 128
PRECISIONS = (torch.float32, torch.float16, torch.bfloat16)
EXPONENTIALS_A_CLOCK = 16  # of a multiprocessor
IMAGES = 4  # whose CT and PET are scanned at once


class Meter:
    """Times and peak memory of calls on a device."""

    def __init__(self, device: torch.device, calls: int) -> None:
        self.device = device
        self.calls = calls

    def wait(self) -> None:
        """Until all that was started on the device has ended."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def milliseconds(self, call: Callable[[], object]) -> float:
        """The median of calls, after three that compile and warm up."""
        for _ in range(3):
            call()
        times = []
        for _ in range(self.calls):
            self.wait()
            start = time.perf_counter()
            call()
            self.wait()
            times.append(1e3 * (time.perf_counter() - start))
        return statistics.median(times)

    def peak_gigabytes(self, call: Callable[[], object]) -> float | None:
        """The most memory that PyTorch had allocated during a call, with what was there before; None off GPUs."""
        if self.device.type != "cuda":
            return None
        torch.cuda.reset_peak_memory_stats(self.device)
        call()
        self.wait()
        return torch.cuda.max_memory_allocated(self.device) / 1e9


def exact_arithmetic() -> None:
    """Switch TF32 off."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


def golden_network() -> tuple[CIPA, Tensor, Tensor, Tensor]:
    """The published network on golden weights, its images, logits, and the weights of its loss, on the processor."""
    spec = importlib.util.spec_from_file_location("golden_rule", GOLDEN / "rule.py")
    if spec is None or spec.loader is None or not (GOLDEN / "rule.py").is_file():
        raise FileNotFoundError(f"{GOLDEN} holds the golden numbers; run this from a checkout.")
    rule = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rule)
    keys = json.loads((GOLDEN / f"official_tiny_{GOLDEN_SIDE}_keys.json").read_text())
    weights = {key: torch.from_numpy(rule.parameter(key, tuple(shape))) for key, shape in keys.items()}
    network = CIPA((GOLDEN_SIDE, GOLDEN_SIDE), 1).eval()
    network.load_state_dict(from_published(weights, 1))
    images = torch.from_numpy(rule.images(2, GOLDEN_SIDE)).float() / 255 * 3.2 - 1.6
    with np.load(GOLDEN / "cipa_tiny_128.npz") as file:
        logits = torch.from_numpy(file["logits"])
    return network, images, logits, torch.from_numpy(rule.loss_weights(tuple(logits.shape)))


def numbers(device: torch.device, precisions: Iterable[torch.dtype] = PRECISIONS) -> list[Row]:
    """Deviation of logits from the published ones and of gradients from float64 on the processor, by precision."""
    network, images, logits, weights = golden_network()

    def gradients(of: nn.Module, inputs: Tensor) -> tuple[Tensor, Tensor]:
        of.zero_grad()
        output = of(inputs)
        (torch.sigmoid(output) * weights.to(output)).mean().backward()
        return output.detach().cpu().double(), torch.cat([p.grad.flatten().cpu().double() for p in of.parameters()])

    _, exact = gradients(network.double(), images.double())
    network, images = network.float().to(device), images.to(device)
    rows: list[Row] = []
    for precision in precisions:
        with torch.autocast(device.type, dtype=precision, enabled=precision != torch.float32):
            ours, gradient = gradients(network, images)
        rows.append(
            {
                "precision": str(precision).removeprefix("torch."),
                "logits, largest deviation": float((ours - logits).abs().max() / logits.abs().max()),
                "gradient, deviation of its norm": float((gradient - exact).norm() / exact.norm()),
                "finite": str(bool(ours.isfinite().all() and gradient.isfinite().all())),
            }
        )
    return rows


def scan_arguments(device: torch.device, images: int, side: int, channels: int, states: int) -> list[Tensor]:
    """The arguments of a scan with low-rank steps, as at the start of training, x and the projections in float16."""
    rank = max(1, channels // 32)
    x = torch.randn(images, side, side, channels, device=device).half()
    projected = torch.randn(images, side, side, 4, rank + 2 * states, device=device).half()
    delta, B, C = projected.split((rank, states, states), dim=-1)
    A = -torch.arange(1.0, states + 1, device=device).repeat(4, channels, 1)
    D = torch.ones(4, channels, device=device)
    return [x, delta, A, B, C, D, torch.full_like(D, -4.0), torch.randn(4, channels, rank, device=device) / rank]


def limit_milliseconds(device: torch.device, steps: int, states: int) -> float | None:
    """What the exponentials of so many steps of a channel take a GPU at its highest clock; None off NVIDIA's GPUs."""
    if device.type != "cuda" or torch.version.hip is not None:
        return None
    properties = torch.cuda.get_device_properties(device)
    clocks = EXPONENTIALS_A_CLOCK * properties.multi_processor_count * highest_clock(device)
    return 1e3 * steps * states / clocks


def highest_clock(device: torch.device) -> float:
    """The highest clock of an NVIDIA GPU's multiprocessors in Hz, as its driver tells it."""
    index = torch.cuda.get_device_properties(device).uuid
    command = ["nvidia-smi", f"--id=GPU-{index}", "--query-gpu=clocks.max.sm", "--format=csv,noheader,nounits"]
    return 1e6 * float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def scan_milliseconds(meter: Meter, arguments: list[Tensor], backend: str) -> dict[str, float]:
    """A backend's forward and backward pass of one scan."""
    inputs = [tensor.detach().requires_grad_() for tensor in arguments]
    y = selective_scan_2d(*inputs, backend=backend)
    grad_y = torch.randn_like(y)

    def forward() -> Tensor:
        with torch.no_grad():
            return selective_scan_2d(*arguments, backend=backend)

    def backward() -> object:
        return torch.autograd.grad(y, inputs, grad_y, retain_graph=True)

    return {"forward": meter.milliseconds(forward), "backward": meter.milliseconds(backward)}


def scan(meter: Meter, images: int, side: int, channels: int = 192, states: int = 16) -> list[Row]:
    """Each available backend's forward and backward pass of one scan, beside the limit."""
    arguments = scan_arguments(meter.device, images, side, channels, states)
    limit = limit_milliseconds(meter.device, images * side**2 * 4 * channels, states)
    rows: list[Row] = []
    for backend in BACKENDS:
        if backend.unavailable_reason() or not backend.supports(meter.device, torch.float32):
            continue
        for which, took in scan_milliseconds(meter, arguments, backend.name).items():
            rows.append(
                {
                    "backend": backend.name,
                    "pass": which,
                    "ms": took,
                    "limit, ms": limit,
                    "times the limit": took / limit if limit else None,
                }
            )
    return rows


def network(meter: Meter, side: int, batches: Iterable[int], modes: Iterable[str]) -> list[Row]:
    """CIPA-tiny and the U-Net: forward, training step and peak memory."""
    rows: list[Row] = []
    for batch in batches:
        for mode in modes:
            unet_step: float | None = None
            for name, build in (("U-Net", unet), ("CIPA-tiny", lambda size: CIPA((size, size)))):
                torch._dynamo.reset()
                row, step = _time_network(meter, build(side).to(meter.device), batch, side, mode)
                unet_step = unet_step or step
                ratio = step / unet_step if step and unet_step else None
                rows.append({"batch": batch, "mode": mode, "network": name, **row, "step to U-Net": ratio})
    return rows


def _time_network(meter: Meter, model: nn.Module, batch: int, side: int, mode: str) -> tuple[Row, float | None]:
    images = torch.randn(batch, 2, side, side, device=meter.device)
    labels = torch.ones(batch, side, side, dtype=torch.long, device=meter.device)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4, fused=True)
    scaler = torch.amp.GradScaler(meter.device.type, enabled=meter.device.type == "cuda")
    run = torch.compile(model) if mode == "compiled" else model
    precision = torch.float16 if meter.device.type == "cuda" else torch.bfloat16

    def forward() -> Tensor:
        with torch.no_grad(), torch.autocast(meter.device.type, dtype=precision):
            return run(images)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(meter.device.type, dtype=precision):
            loss = nn.functional.cross_entropy(run(images).float(), labels)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()

    try:
        took = meter.milliseconds(step)
        row: Row = {"forward, ms": meter.milliseconds(forward), "step, ms": took, "GB": meter.peak_gigabytes(step)}
    except torch.OutOfMemoryError:
        return {"forward, ms": None, "step, ms": None, "GB": None}, None
    return row, took


def training(device: torch.device, side: int, iterations: int = 10) -> list[Row]:
    """Seconds of iterations of nnU-Net's training with its trainer and with CIPA's; no rows without nnunetv2."""
    if importlib.util.find_spec("nnunetv2") is None:
        return []
    from gpu_training import seconds_of_training

    return [
        {
            "trainer": trainer,
            "iterations": iterations,
            "seconds": seconds_of_training(trainer, iterations, device.type, side),
        }
        for trainer in ("nnUNetTrainer", "nnUNetTrainerCIPA")
    ]


def main() -> None:
    """Read the command line, measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", help="cuda, or cpu to try the logic (cuda)")
    parser.add_argument("--side", type=int, default=512, help="of the images, pixels (512)")
    parser.add_argument("--batches", type=int, nargs="+", default=[4, 12], help="(4 12)")
    parser.add_argument("--modes", nargs="+", default=["eager", "compiled"], choices=["eager", "compiled"])
    parser.add_argument("--calls", type=int, default=10, help="that are timed (10)")
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=list(PARTS), help="all")
    parser.add_argument("-o", "--output", type=Path, help="JSON file; the same in Markdown goes beside it")
    arguments = parser.parse_args()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        parser.error("PyTorch finds no GPU. --device cpu tries the logic; its times say nothing.")
    exact_arithmetic()
    device = torch.device(arguments.device)
    meter = Meter(device, arguments.calls)
    results = {part: PARTS[part](meter, arguments) for part in arguments.parts}
    machine = describe_machine() | {"scan": choose_backend(device).name}
    missing = {f"scan {name}": reason for name, reason in backend_status().items() if reason}
    text = "\n\n".join(
        ["\n".join(f"{key}: {value}" for key, value in (machine | missing).items())]
        + [f"## {part}\n\n{markdown_table(rows) or 'not measured'}" for part, rows in results.items()]
    )
    print(text)
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        content = {"machine": machine | missing, "command": sys.argv, "results": results}
        arguments.output.write_text(json.dumps(content, indent=2) + "\n")
        arguments.output.with_suffix(".md").write_text(text + "\n")


PARTS: dict[str, Callable[[Meter, argparse.Namespace], list[Row]]] = {
    "numbers": lambda meter, _: numbers(meter.device),
    "scan": lambda meter, arguments: scan(meter, 2 * IMAGES, arguments.side // 4),
    "network": lambda meter, arguments: network(meter, arguments.side, arguments.batches, arguments.modes),
    "training": lambda meter, arguments: training(meter.device, arguments.side),
}

if __name__ == "__main__":
    main()
