"""Time the selective scan on CIPA's shapes, beside other implementations and beside what the processor could do.

`python benchmarks/scan.py --shapes stage1 regions1 channels1 --threads 1 2 -o scan.json`

Everything runs in one process, in float32, medians over repeated calls. Peers, each only if it is installed: the
reference scan of mamba-ssm, the parallel scan of mambapy, and torch's associative_scan. They are given their inputs in
the layout they want, so that only their scan is timed, without gathering the four orders and summing the results.

The reference's backward pass takes time that grows with the square of the length, as each of its steps writes the
gradient of whole tensors: leave it to small images (`--sides 128`) or it takes hours.

`limit` is the time the arithmetic alone needs: the compiled kernel on the same number of steps, on a map so small that
it stays in the cores' caches. `traffic` is the time to read each input and write each output once at the speed at which
this machine copies memory.
"""

import argparse
import importlib.util
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from measuring import Row, Timing, memory_bandwidth, report, time_calls
from torch import Tensor

from nnunetv2_cipa.native import library
from nnunetv2_cipa.scan import selective_scan_2d
from nnunetv2_cipa.scan.cpu_backend import NativeKernel
from nnunetv2_cipa.scan.operators import Scan

Tensors = list[Tensor]
FORWARD, BACKWARD = "forward", "forward + backward"


@dataclass(frozen=True)
class Shape:
    """A scan of maps (batch, height, width, channels) with `states` states in `directions` orders."""

    batch: int
    height: int
    width: int
    channels: int
    states: int
    directions: int = 4

    @property
    def steps(self) -> int:
        """Steps of the recurrence, of one channel and all its states."""
        return self.batch * self.height * self.width * self.channels * self.directions

    def tensors(self) -> Tensors:
        """x, delta, A, B, C, D, delta_bias as at the start of training; B and C are views of one projection."""
        random = torch.Generator().manual_seed(0)
        maps = (self.batch, self.height, self.width)
        x = torch.randn(*maps, self.channels, generator=random)
        delta = torch.randn(self.directions, *maps, self.channels, generator=random) / 2
        A = -torch.arange(1.0, self.states + 1).repeat(self.directions, self.channels, 1)
        rank = self.channels // 32
        projection = torch.randn(*maps, self.directions, rank + 2 * self.states, generator=random)
        _, B, C = projection.split([rank, self.states, self.states], dim=-1)
        D = torch.ones(self.directions, self.channels)
        return [x, delta, A, B, C, D, torch.full_like(D, -4.0)]


def shapes(side: int) -> dict[str, Shape]:
    """The scans of CIPA-tiny for one image of `side` x `side` pixels, by name."""
    named = {}
    for level in range(4):
        size, channels = side // 4 // 2**level, 192 * 2**level
        named[f"stage{level + 1}"] = Shape(1, size, size, channels, 16)
        named[f"decoder{level + 1}"] = Shape(1, size, size, channels, 4)
        named[f"regions{level + 1}"] = Shape((size // 4) ** 2, 4, 4, channels, 16)
        named[f"channels{level + 1}"] = Shape(1, 1, channels, 192, 16, 1)
    return named


def sequences(tensors: Tensors) -> Tensors:
    """The tensors of a 2D scan as K groups of sequences in mamba-ssm's layout (orders are alike for timing)."""
    x, delta, A, B, C, D, bias = tensors
    directions, batch, height, width, channels = delta.shape
    length = height * width
    u = x.reshape(batch, length, channels).mT.repeat(1, directions, 1)
    delta = delta.reshape(directions, batch, length, channels).permute(1, 0, 3, 2).flatten(1, 2)
    B, C = (t.reshape(batch, length, directions, -1).permute(0, 2, 3, 1) for t in (B, C))
    flat = [A.flatten(0, 1), B, C, D.flatten(), bias.flatten()]
    return [tensor.contiguous() for tensor in (u, delta, *flat)]


def load_mamba_ssm() -> Callable[..., Tensor]:
    """mamba-ssm's reference scan, whose package can't be imported as a whole without its CUDA extension."""
    spec = importlib.util.find_spec("mamba_ssm")
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError("mamba-ssm")
    stand_ins = {name: types.ModuleType(name) for name in ("mamba_ssm", "selective_scan_cuda")}
    stand_ins["mamba_ssm"].__path__ = list(spec.submodule_search_locations)
    for name, module in stand_ins.items():
        sys.modules.setdefault(name, module)
    from mamba_ssm.ops.selective_scan_interface import selective_scan_ref

    return lambda u, delta, A, B, C, D, bias: selective_scan_ref(u, delta, A, B, C, D, None, bias, True)


def load_mambapy() -> Callable[..., Tensor]:
    """Mambapy's parallel scan, with the discretisation that its own block puts around it."""
    from mambapy.pscan import pscan

    return lambda *tensors: _group_by_group(pscan, *tensors)


def load_associative_scan() -> Callable[..., Tensor]:
    """Torch's associative scan over the pairs (decay, addition)."""
    from torch._higher_order_ops.associative_scan import associative_scan

    def combine(left: tuple[Tensor, Tensor], right: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return left[0] * right[0], right[0] * left[1] + right[1]

    def scan(decay: Tensor, addition: Tensor) -> Tensor:
        return associative_scan(combine, (decay, addition), 1, combine_mode="generic")[1]

    return lambda *tensors: _group_by_group(scan, *tensors)


def _group_by_group(
    scan: Callable[[Tensor, Tensor], Tensor],
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    bias: Tensor,
) -> Tensor:
    """A selective scan by a scan of decays and additions (B, L, D, N), one direction at a time for memory's sake."""
    groups = B.shape[1]
    dt = F.softplus(delta + bias[:, None])
    outputs = []
    for group, (u_k, dt_k, A_k) in enumerate(
        zip(u.chunk(groups, 1), dt.chunk(groups, 1), A.chunk(groups, 0), strict=True)
    ):
        u_k, dt_k = u_k.mT, dt_k.mT  # (B, L, D)
        states = scan(torch.exp(dt_k.unsqueeze(-1) * A_k), (dt_k * u_k).unsqueeze(-1) * B[:, group].mT.unsqueeze(2))
        outputs.append((states @ C[:, group].mT.unsqueeze(-1)).squeeze(-1).mT)
    return torch.cat(outputs, dim=1) + D[:, None] * u


PEERS = {
    "mamba-ssm's reference": load_mamba_ssm,
    "mambapy": load_mambapy,
    "associative_scan": load_associative_scan,
}


def available_peers(names: list[str]) -> dict[str, Callable[..., Tensor]]:
    """The named peers that are installed; says which are not."""
    peers = {}
    for name in names:
        try:
            peers[name] = PEERS[name]()
        except ImportError as error:
            print(f"{name} is left out: {error}")
    return peers


def time_scan(scan: Callable[..., Tensor], tensors: Tensors, backward: bool, arguments: argparse.Namespace) -> Timing:
    """Time a scan, or a scan with the gradients of all its inputs."""
    tensors = [tensor.detach().requires_grad_(backward) for tensor in tensors]
    with torch.no_grad():
        grad_y = torch.ones_like(scan(*tensors)) if backward else None

    def call() -> None:
        with torch.set_grad_enabled(backward):
            y = scan(*tensors)
        if backward:
            torch.autograd.grad(y, tensors, grad_y)

    return time_calls(call, arguments.calls, arguments.seconds)


def limit(shape: Shape, backward: bool, arguments: argparse.Namespace) -> float:
    """Seconds that the arithmetic of a scan needs on maps that stay in each core's cache."""
    length = 2048 if shape.height * shape.width > 64 else 16
    items = 8 * torch.get_num_threads() * 2048 // length  # enough for the call itself not to count
    small = Shape(items, 1, length, 16, shape.states, 1)
    x, delta, A, B, C, D, bias = small.tensors()
    x, B, C = (tensor[:1, :, :1].expand(*delta.shape[1:4], *tensor.shape[3:]) for tensor in (x, B, C))
    scan = Scan(x, delta, A, B, C, D, bias, None, True)
    grad_y = x.contiguous()

    def call() -> None:
        _, kept = NativeKernel().forward(scan, backward)
        if backward:
            NativeKernel().backward(grad_y, kept, scan)

    return time_calls(call, 200, arguments.seconds).median * shape.steps / small.steps


def traffic_bytes(tensors: Tensors, backward: bool) -> int:
    """Bytes of the inputs and the output, and for the backward pass of both and of their gradients."""
    forward = sum(tensor.nbytes for tensor in tensors) + tensors[0].nbytes
    return forward * 3 if backward else forward


def measure(name: str, shape: Shape, backward: bool, arguments: argparse.Namespace) -> Row:
    """One row of the table: our time, each peer's, and the limits."""
    tensors = shape.tensors()
    ours = time_scan(lambda *t: selective_scan_2d(*t, backend=arguments.backend), tensors, backward, arguments)
    row: Row = {
        "scan": name,
        "shape": f"{shape.batch}x{shape.height}x{shape.width}x{shape.channels}, N {shape.states}, K {shape.directions}",
        "pass": BACKWARD if backward else FORWARD,
        "threads": torch.get_num_threads(),
        f"{arguments.backend}, ms": ours.median * 1e3,
        "ns per channel step": ours.median * 1e9 / shape.steps,
        "limit, ms": (fastest := limit(shape, backward, arguments)) * 1e3,
        "speed of limit": fastest / ours.median,
        "traffic, ms": traffic_bytes(tensors, backward) / arguments.bandwidth[torch.get_num_threads()] * 1e3,
    }
    flat = sequences(tensors)
    for peer, scan in arguments.loaded_peers.items():
        timing = time_scan(scan, flat, backward, arguments)
        row[f"{peer}, ms"] = timing.median * 1e3
        row[f"times {peer}"] = timing.median / ours.median
    return row


def main() -> None:
    """Read the command line, measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", default=["stage1", "regions1", "channels1"], choices=sorted(shapes(512)))
    parser.add_argument("--backend", default="cpu", help="of the scan (cpu)")
    parser.add_argument("--sides", nargs="+", type=int, default=[512], help="image sides in pixels (512)")
    parser.add_argument("--threads", nargs="+", type=int, default=[torch.get_num_threads()], help="torch's threads")
    parser.add_argument("--peers", nargs="*", default=list(PEERS), choices=list(PEERS), help="all that are installed")
    parser.add_argument("--passes", nargs="+", default=[FORWARD, BACKWARD], choices=[FORWARD, BACKWARD], help="both")
    parser.add_argument("--calls", type=int, default=15, help="calls that are timed (15)")
    parser.add_argument("--seconds", type=float, default=20, help="no further call after so long (20)")
    parser.add_argument("-o", "--output", type=Path, help="JSON file for the results")
    arguments = parser.parse_args()
    if reason := library.load() if isinstance(library.load(), str) else None:
        parser.error(reason)
    arguments.loaded_peers = available_peers(arguments.peers)
    arguments.bandwidth = {}
    print(f"instruction set: {library.instruction_set()}")

    rows = []
    for threads in arguments.threads:
        torch.set_num_threads(threads)
        arguments.bandwidth[threads] = memory_bandwidth()
        for side in arguments.sides:
            for name in arguments.shapes:
                label = name if arguments.sides == [512] else f"{name}, {side} pixels"
                shape = shapes(side)[name]
                rows += [measure(label, shape, one == BACKWARD, arguments) for one in arguments.passes]
    report(rows, arguments.output)


if __name__ == "__main__":
    main()
