"""A network's costs, measured in this process and printed as JSON: run by `costs`, which says what they are."""

import json
import statistics
import sys
import time
from dataclasses import asdict
from pathlib import Path

import psutil
import torch
from batchgenerators.utilities.file_and_folder_operations import load_json
from torch import Tensor, nn

from nnunetv2_cipa.comparison.flops import count_flops
from nnunetv2_cipa.comparison.model_facts import Costs
from nnunetv2_cipa.machine import processor_name
from nnunetv2_cipa.nnunet.networks import build_network

REPEATS = 5


def network_costs(model_folder: Path, trainer: str, configuration: str, device: torch.device) -> Costs:
    """Build the network that nnU-Net would predict with, its weights random, and measure it on a random image.

    Peak memory is what PyTorch allocates on CUDA; elsewhere it is by how much the process's largest resident set grows.
    """
    _warm_up(device)
    before = peak_memory_so_far(device)
    plans, dataset_json = (load_json(str(model_folder / name)) for name in ("plans.json", "dataset.json"))
    network, shape = build_network(trainer, plans, configuration, dataset_json)
    network = network.to(device).eval()
    image = torch.randn(1, *shape, device=device)
    _seconds(network, image)
    peak_memory = peak_memory_so_far(device) - before
    seconds = statistics.median(_seconds(network, image) for _ in range(REPEATS))
    return Costs(
        parameters=sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad),
        flops=count_flops(network, image),
        patch_size=shape[1:],
        seconds_per_image=seconds,
        peak_memory_bytes=peak_memory,
        device=_device_name(device),
        threads=torch.get_num_threads(),
    )


def _warm_up(device: torch.device) -> None:
    """Load what PyTorch loads when it is first used, such as its convolutions."""
    with torch.no_grad():
        nn.Sequential(nn.Conv2d(1, 8, 3), nn.Linear(6, 8)).to(device)(torch.zeros(1, 1, 8, 8, device=device))


def _seconds(network: nn.Module, image: Tensor) -> float:
    """Seconds of one forward pass."""
    start = time.perf_counter()
    with torch.inference_mode():
        network(image)
    if image.device.type != "cpu":
        getattr(torch, image.device.type).synchronize()
    return time.perf_counter() - start


def peak_memory_so_far(device: torch.device) -> int:
    """Bytes that this process has used at most: allocated by PyTorch on CUDA, elsewhere the largest resident set."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.is_file() else []
    if peaks := [line.split()[1] for line in lines if line.startswith("VmHWM:")]:
        return 1024 * int(peaks[0])  # getrusage would start from what the parent process had used
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource  # which Windows lacks

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else 1024 * used  # bytes on macOS, kilobytes elsewhere


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return f"cuda, {torch.cuda.get_device_name(device)}"
    return f"{device.type}, {processor_name()}"


if __name__ == "__main__":
    model_folder, trainer, configuration, device = sys.argv[1:]
    print(json.dumps(asdict(network_costs(Path(model_folder), trainer, configuration, torch.device(device)))))
