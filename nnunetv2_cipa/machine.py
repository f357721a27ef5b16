"""What a machine calls itself."""

import platform
from pathlib import Path


def processor_name() -> str:
    """The processor's name as Linux tells it, elsewhere its architecture."""
    return _told_by_linux("model name") or platform.machine()


def processor_vendor() -> str:
    """The processor's vendor as Linux tells it, such as AuthenticAMD or GenuineIntel; elsewhere nothing."""
    return _told_by_linux("vendor_id")


def _told_by_linux(what: str) -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text(encoding="utf-8").splitlines() if information.is_file() else []
    values = [line.partition(":")[2].strip() for line in lines if line.startswith(what)]
    return values[0] if values else ""
