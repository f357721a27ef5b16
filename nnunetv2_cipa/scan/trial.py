"""A scan that is really run on a GPU, to know that it works there, and what is missing where it does not."""

import shutil
import sysconfig
from pathlib import Path

import torch

from nnunetv2_cipa.scan.interface import selective_scan_2d
from nnunetv2_cipa.scan.registry import choose_backend

TOLERANCE = 1e-4  # of the largest value, for a GPU's arithmetic against the processor's


def trial_scan(device: torch.device) -> tuple[str, str] | None:
    """Scan a small map on a device, forward and backward, and compare with the `torch` backend on the processor.

    Returns:
        None if they agree, else what is wrong and what to do, a sentence or two each.
    """
    try:
        backend = choose_backend(device).name
        difference = _difference(device)
    except Exception as error:  # whatever a driver or a compiler raises is the finding
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return f"A scan on {device} failed with {type(error).__name__}: {lines[-1]}", remedy(device)
    if not difference <= TOLERANCE:
        return f"The backend {backend} scans wrongly on {device}: it is off by {difference:.1e}.", remedy(device)
    return None


def remedy(device: torch.device) -> str:
    """What keeps kernels from being compiled or run for a GPU here, as far as can be seen, and what to do."""
    needs = []
    if not any(shutil.which(compiler) for compiler in ("cc", "gcc", "clang")):
        needs.append("a C compiler, with which Triton builds a small library at first use (apt-get install gcc)")
    if not Path(sysconfig.get_paths()["include"], "Python.h").is_file():
        needs.append("Python's headers, which that library includes (apt-get install python3-dev, or conda's Python)")
    if needs:
        return f"Install {' and '.join(needs)}. Until then: export NNUNETV2_CIPA_SCAN=torch"
    if device.type == "cuda" and torch.version.hip is None and torch.cuda.get_device_capability(device) < (7, 5):
        return "This GPU is older than Triton supports (compute capability 7.5). Install mamba-ssm (the extra cuda)."
    return "Choose another backend: export NNUNETV2_CIPA_SCAN=torch (or mamba_ssm), and report this, please."


def _difference(device: torch.device) -> float:
    """Largest difference of y and of a gradient, each relative to its largest value."""
    random = torch.Generator().manual_seed(0)
    shapes = ((1, 9, 9, 40), (1, 9, 9, 4, 6), (4, 40, 16), *[(1, 9, 9, 4, 16)] * 2, (4, 40), (4, 40), (4, 40, 6))
    tensors = [torch.rand(shape, generator=random) for shape in shapes]
    tensors[2].neg_()
    results = []
    for place, backend in ((device, None), (torch.device("cpu"), "torch")):
        arguments = [tensor.to(place).requires_grad_() for tensor in tensors]
        y = selective_scan_2d(*arguments, backend=backend)
        results.append([result.cpu() for result in (y.detach(), *torch.autograd.grad(y.square().sum(), arguments))])
    return max(float((ours - right).abs().max() / right.abs().max()) for ours, right in zip(*results, strict=True))
