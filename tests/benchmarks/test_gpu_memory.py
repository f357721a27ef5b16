"""What a compiled step keeps, counted on shapes alone, in a process that may choose Triton's interpreter."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu_memory.py"
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not SCRIPT.is_file(), reason="the benchmarks are not here")]


def test_one_graph_with_each_scan_a_node_that_keeps_little():
    result = subprocess.run(
        [sys.executable, str(SCRIPT), "--size", "128", "--largest", "3"], capture_output=True, text=True, check=True
    )
    counted = re.findall(r"(\w+): [\d.]+ GB .*, (\d+) bytes per pixel; (\d+) graph, (\d+) scans", result.stdout)
    assert [(layers, graphs, scans) for layers, _, graphs, scans in counted] == [
        ("kept", "1", "39"),
        ("recomputed", "1", "39"),
    ]
    kept, recomputed = (int(count) for _, count, _, _ in counted)
    # The weights' casts, about 110 MB whatever the image, are 6,700 bytes for each of these pixels.
    assert kept < 12_500
    assert recomputed < 8_500
