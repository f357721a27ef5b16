"""Model how fast the Triton scan can be on a GPU, from its machine code. Nothing is measured and no GPU is needed.

`python benchmarks/scan_gpu_model.py --capability 90 -o model.json`

The kernels are compiled for a GPU as a training compiles them, and the instructions of their innermost loops are
counted, by pipe, from the disassembly. A multiprocessor issues four instructions of a warp a clock; its exponential
units take 16 numbers a clock, so that a warp's step of a channel's N states needs 8 N clocks of one scheduler whatever
else is done: the limit. The modelled time is the larger of what issuing takes and what each pipe takes, over the limit.
It leaves out what only a measurement can show (`gpu.py`): waiting for memory, caches, launches, GPUs that are not
filled, and what is done before and after the kernels.

`in one piece` is a scan whose batch fills the GPU; `in sections` adds the passes that carry states, or gradients,
between the sections into which a small batch is cut.
"""

import argparse
import os
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import triton
from measuring import Row, report
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from nnunetv2_cipa.scan import triton_gradients, triton_kernels, triton_sizes
from nnunetv2_cipa.scan.operators import Scan

LANES_A_CLOCK = {"exponentials": 16, "arithmetic": 128, "integers": 64, "memory": 32}  # of a multiprocessor
PIPES = {
    "exponentials": ("MUFU",),
    "arithmetic": ("FADD", "FMUL", "FFMA"),
    "integers": ("IADD3", "IMAD", "LEA", "LOP3", "SHF", "ISETP", "SEL"),
    "memory": ("LDG", "STG", "LDS", "STS", "SHFL", "LDL", "STL", "STSM", "LDSM"),
}
SCHEDULERS, WARP = 4, 32
NOT_ALIGNED = ("channels", "x_position")  # that the forward pass does not let Triton know
# Processors with their multiprocessors and clock in GHz, for the limit in milliseconds.
GPUS = {"H100": (132, 1.755), "A100": (108, 1.41), "RTX 4090": (128, 2.52), "RTX 3090": (82, 1.695)}


@dataclass(frozen=True)
class Loop:
    """The instructions of a loop's body, by name without modifiers, and how many are exponentials."""

    instructions: Counter[str]
    exponentials: int
    inside: bool  # it has no other loop within

    @property
    def total(self) -> int:
        """Instructions of a warp in one iteration."""
        return self.instructions.total()

    def clocks(self) -> dict[str, float]:
        """Clocks that one iteration takes a scheduler to issue, and each pipe."""
        by_pipe = {
            pipe: sum(self.instructions[name] for name in names) * WARP * SCHEDULERS / LANES_A_CLOCK[pipe]
            for pipe, names in PIPES.items()
        }
        return {"issue": float(self.total)} | by_pipe


def compile_kernel(kernel: Any, constants: Mapping[str, Any], target: GPUTarget, x_type: str = "fp32") -> Any:  # noqa: ANN401
    """Compile a kernel as its launch does, where all pointers and, if it may know, D are multiples of 16."""
    names = kernel.arg_names
    options = {name: constants[name] for name in constants if name not in names}
    constants = {name: value for name, value in constants.items() if name in names}
    scalars = ("batch", "height", "width", "blocks", "sections", "section_length", "orders", "workers", *NOT_ALIGNED)
    hidden = {parameter.name for parameter in kernel.params if parameter.do_not_specialize}
    signature, attributes = {}, {}
    for index, name in enumerate(names):
        if name in constants:
            signature[name] = "constexpr"
        elif name in scalars:
            signature[name] = "i32"
        else:
            signature[name] = f"*{x_type if name == 'x' else 'fp32'}"
        if (signature[name][0] == "*" or name in NOT_ALIGNED) and name not in hidden:
            attributes[(index,)] = [["tt.divisibility", 16]]
    source = ASTSource(
        fn=kernel,
        signature=signature,
        constexprs={(names.index(name),): value for name, value in constants.items()},
        attrs=attributes,
    )
    return triton.compile(source, target=target, options=options)


def kernels_of(states: int, *, cut: bool = True, wide: bool = False) -> dict[str, tuple[Any, dict[str, Any]]]:
    """The scan's kernels by name, each with what the backend compiles it for on NVIDIA's, for so many states."""
    x = torch.empty(1, 16, 16, 64, device="meta")
    small = torch.empty(1, 16, 16, 4, states, device="meta")
    A, D = torch.empty(4, 64, states, device="meta"), torch.empty(4, 64, device="meta")
    scan = Scan(x, x.expand(4, *x.shape), A, small, small, D, D)
    constants = triton_sizes.compiled_for(scan, triton_sizes.cut(scan, 1)) | {"WIDE": wide}
    forward = constants | {"maxnreg": triton_sizes.FORWARD.registers}
    backward = constants | {"maxnreg": triton_sizes.BACKWARD.registers}
    interval = {"CUT": cut, "INTERVAL": triton_sizes.INTERVAL}
    carry = {name: constants[name] for name in ("N", "BLOCK", "num_warps")}
    gradients = {"ROWS": triton_sizes.ROWS, "SOFTPLUS": True}
    return {
        "scan_section_ends": (triton_kernels.scan_section_ends, forward),
        "carry_between_sections": (triton_kernels.carry_between_sections, carry | {"REVERSE": True}),
        "scan_sections": (triton_kernels.scan_sections, forward | interval | {"KEEP": True}),
        "section_gradients": (triton_gradients.section_gradients, backward),
        "scan_gradients": (triton_gradients.scan_gradients, backward | interval | gradients),
    }


def nvidia_tool(name: str, cubin: bytes, *options: str) -> str:
    """What a tool that comes with Triton says of a compiled kernel."""
    folder = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary, "kernel.cubin")
        path.write_bytes(cubin)
        command = [os.fspath(folder / name), *options, os.fspath(path)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def resources(cubin: bytes) -> dict[str, int]:
    """Registers (`REG`) a thread and bytes of `STACK`, `LOCAL` and `SHARED` memory."""
    usage = nvidia_tool("cuobjdump", cubin, "-res-usage")
    return {name: int(value) for name, value in re.findall(r"\b(REG|STACK|LOCAL|SHARED):(\d+)", usage)}


def loops(cubin: bytes) -> list[Loop]:
    """The loops of a kernel in the order of the code, from its disassembly."""
    return find_loops(nvidia_tool("nvdisasm", cubin, "-c").splitlines())


def find_loops(lines: Iterable[str]) -> list[Loop]:
    """Every backward branch of a disassembly, with the instructions that it repeats; not the trap loop at the end."""
    labels: dict[str, int] = {}
    code: list[str] = []
    spans: list[tuple[int, int]] = []
    for line in lines:
        if label := re.match(r"\s*(\.L_x_\d+):", line):
            labels[label[1]] = len(code)
        elif instruction := re.match(r"\s+/\*[0-9a-f]+\*/\s+(?:@!?U?P\w+\s+)?(.+?)\s*;", line):
            code.append(instruction[1])
            target = re.match(r"BRA\b.*?(\.L_x_\d+)", instruction[1])
            if target and labels.get(target[1], len(code)) < len(code) - 1:
                spans.append((labels[target[1]], len(code)))
    found = []
    for start, end in sorted(spans):
        body = code[start:end]
        names = Counter(re.split(r"[.\s]", instruction)[0] for instruction in body)
        exponentials = sum(instruction.startswith("MUFU.EX2") for instruction in body)
        inside = not any(start <= a and b <= end and (a, b) != (start, end) for a, b in spans)
        found.append(Loop(names, exponentials, inside))
    return found


def clocks_a_step(name: str, cubin: bytes) -> float:
    """Clocks of one scheduler for a warp's step, by what the kernel's innermost loops do in one iteration.

    Other warps are in other loops at the time, so that each pipe has the sum of the loops to do.
    """
    inner = [loop for loop in loops(cubin) if loop.inside]
    if name != "scan_gradients":
        return max(max(inner, key=lambda loop: loop.total).clocks().values())
    # Pairs of positions forwards and backwards, the gradients of some steps.
    iterations = (2, 2, triton_sizes.ROWS)
    if len(inner) != len(iterations):
        raise RuntimeError(
            f"{name} has {len(inner)} innermost loops, not {len(iterations)}: the model does not fit it."
        )
    totals: Counter[str] = Counter()
    for loop, positions in zip(inner, iterations, strict=True):
        totals.update({pipe: clocks / positions for pipe, clocks in loop.clocks().items()})
    return max(totals.values())


def limit_ms(gpu: str, images: int) -> float:
    """Milliseconds that the exponentials of stage 1 of so many 512x512 images take, each of CT and PET."""
    processors, gigahertz = GPUS[gpu]
    exponentials = 2 * images * 128 * 128 * 4 * 192 * 16
    return exponentials / LANES_A_CLOCK["exponentials"] / processors / gigahertz / 1e6


def model(capability: int, x_type: str, states: int = 16) -> list[Row]:
    """The passes of a scan, modelled."""
    target = GPUTarget("cuda", capability, WARP)
    limit = states * WARP * SCHEDULERS / LANES_A_CLOCK["exponentials"]
    clocks, registers = {}, {}
    for name, (kernel, constants) in kernels_of(states).items():
        if name != "carry_between_sections":
            cubin = compile_kernel(kernel, constants, target, x_type).asm["cubin"]
            clocks[name], registers[name] = clocks_a_step(name, cubin), resources(cubin)["REG"]
    passes = {
        ("forward", "in one piece"): ("scan_sections",),
        ("forward", "in sections"): ("scan_section_ends", "scan_sections"),
        ("backward", "in one piece"): ("scan_gradients",),
        ("backward", "in sections"): ("section_gradients", "scan_gradients"),
    }
    return [
        {
            "pass": which,
            "scanned": how,
            "states": states,
            "x": x_type,
            "clocks a step": (total := sum(clocks[name] for name in names)),
            "limit": limit,
            "times the limit": total / limit,
            "registers": max(registers[name] for name in names),
            **{f"ms on {gpu}": total / limit * limit_ms(gpu, 4) for gpu in GPUS},
        }
        for (which, how), names in passes.items()
    ]


def main() -> None:
    """Read the command line, model and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--capability", type=int, default=90, help="of the GPU, such as 80 for 8.0 (90)")
    parser.add_argument("--types", nargs="+", default=["fp32", "bf16"], choices=["fp32", "bf16", "fp16"], help="of x")
    parser.add_argument("-o", "--output", type=Path, help="JSON file for the results")
    arguments = parser.parse_args()
    print("This is a model, not a measurement: milliseconds are of stage 1 of four 512x512 images, CT and PET.\n")
    report(
        [row for x_type in arguments.types for row in model(arguments.capability, x_type)],
        arguments.output,
    )


if __name__ == "__main__":
    main()
