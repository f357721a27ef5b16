"""What a machine calls itself."""

import platform
from pathlib import Path


def processor_name() -> str:
    """The processor's name as Linux tells it, elsewhere its architecture."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text(encoding="utf-8").splitlines() if information.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
