"""How much memory a device has: in all, and free now. The limits of containers and batch systems count."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

_CGROUPS, _OWN_CGROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def total_memory(device: torch.device) -> int:
    """Bytes of memory that a process may have on a device, 0 if unknown."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory())
    if device.type == "cpu":
        return min([psutil.virtual_memory().total, *(limit.bytes for limit in cgroup_limits())])
    return 0


def available_memory(device: torch.device) -> int:
    """Bytes that are free on a device now: asked from CUDA, else what the system says about its memory."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory())
    return min([psutil.virtual_memory().available, *(limit.available for limit in cgroup_limits())])


@dataclass(frozen=True)
class Limit:
    """Of a control group of Linux, in which a container or a batch job runs.

    Attributes:
        bytes: that the processes of the group may have together.
        used: that they cannot give back; cached files, which they can, are not counted.
    """

    bytes: int
    used: int

    @property
    def available(self) -> int:
        """Bytes that are left."""
        return max(0, self.bytes - self.used)


def cgroup_limits(own_cgroups: Path = _OWN_CGROUPS, cgroups: Path = _CGROUPS) -> list[Limit]:
    """Memory limits of this process's control groups and of all that these are in; none where there are none.

    Args:
        own_cgroups: the kernel's list of the groups of this process, one for each hierarchy.
        cgroups: where the hierarchies are mounted: version 2 there, the memory of version 1 in `memory` below.
    """
    if not own_cgroups.is_file():
        return []
    limits: list[Limit] = []
    for line in own_cgroups.read_text(encoding="utf-8").splitlines():
        _, controllers, group = line.split(":", 2)
        if controllers == "":
            names = ("memory.max", "memory.current", "inactive_file")
            limits += _limits(cgroups, group, *names)
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            limits += _limits(cgroups / "memory", group, *names)
    return limits


def _limits(mount: Path, group: str, limit_file: str, usage_file: str, cache_key: str) -> Iterator[Limit]:
    """Those of a group and its parents, as far as they are visible: a container sees itself as the root."""
    folder = mount / group.lstrip("/")
    for place in (folder, *folder.parents):
        limit = _number(place / limit_file)
        if limit is not None:
            used = (_number(place / usage_file) or 0) - _cached(place / "memory.stat", cache_key)
            yield Limit(limit, max(0, used))  # the two are not read at the same time
        if place == mount:
            break


def _number(path: Path) -> int | None:
    """Number in a file, None if it is not there, cannot be read or says "max"."""
    if not os.access(path, os.R_OK):
        return None
    text = path.read_text(encoding="utf-8").strip()
    return int(text) if text.isdecimal() else None


def _cached(path: Path, key: str) -> int:
    if not os.access(path, os.R_OK):
        return 0
    entries = dict(line.split(maxsplit=1) for line in path.read_text(encoding="utf-8").splitlines() if " " in line)
    return int(entries.get(key, 0))
