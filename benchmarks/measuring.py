"""What every benchmark here needs: repeated timing, a description of the machine, tables and result files."""

import json
import os
import platform
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from nnunetv2_cipa.machine import processor_name

Row = dict[str, str | int | float | None]


@dataclass(frozen=True)
class Timing:
    """Seconds that one call took: median and fastest of a number of calls."""

    median: float
    fastest: float
    calls: int


def time_calls(function: Callable[[], object], calls: int, seconds: float) -> Timing:
    """Time a function, after one call to warm up, `calls` times or until `seconds` have passed.

    If the first call alone takes longer than that, it is the one that counts.
    """
    times: list[float] = []
    begin = time.perf_counter()
    while len(times) <= calls and (not times or time.perf_counter() - begin < seconds):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    counted = times[1:] or times
    return Timing(statistics.median(counted), min(counted), len(counted))


def memory_bandwidth(megabytes: int = 256) -> float:
    """Bytes a second that copying memory moves (read and written), with torch's threads."""
    source = torch.ones(megabytes * 2**18)
    target = torch.empty_like(source)
    return 2 * source.nbytes / time_calls(lambda: target.copy_(source), 5, 10).fastest


def describe_machine() -> dict[str, str | int]:
    """Processor, system, versions."""
    return {
        "processor": processor_name(),
        "cores": os.cpu_count() or 0,
        "load": f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown",
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
    }


def markdown_table(rows: Sequence[Row]) -> str:
    """Rows with the same keys as a Markdown table; numbers with three digits, None as a dash."""
    if not rows:
        return ""
    cells = [list(rows[0]), ["---"] * len(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in cells)


def _cell(value: str | int | float | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)


def report(rows: Sequence[Row], output: Path | None) -> None:
    """Print the machine, the command and the table; with `output`, write them there as JSON too."""
    machine, command = describe_machine(), shlex.join(["python", *sys.argv])
    print("\n".join([*(f"{key}: {value}" for key, value in machine.items()), f"command: {command}", ""]))
    print(markdown_table(rows))
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps({"machine": machine, "command": command, "results": list(rows)}, indent=2) + "\n")
