"""The machine that wheels are meant for."""

import platform
import re
import sys
from dataclasses import dataclass

from nnunetv2_cipa.errors import InputError

_MANYLINUX = re.compile(r"manylinux_2_(\d+)_(\w+)")
_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
OLDEST_GLIBC = 5


@dataclass(frozen=True)
class Target:
    """A Python and a platform.

    Attributes:
        python: Its version, such as 3.11.
        platform: The newest wheel platform it takes, such as manylinux_2_28_x86_64: Linux with glibc 2.28 or newer.
    """

    python: str
    platform: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"3\.\d+", self.python):
            raise InputError(f"--python {self.python} is no version such as 3.11.")
        found = _MANYLINUX.fullmatch(self.platform)
        if found is None or int(found[1]) < OLDEST_GLIBC:
            raise InputError(f"--platform {self.platform} is no platform such as manylinux_2_28_x86_64.")
        if sys.platform != "linux" or platform.machine() != self.machine:
            raise InputError(
                f"--platform {self.platform}: the project's own kernel is compiled here, on {platform.system()} "
                f"{platform.machine()}. Collect the wheels on Linux {self.machine}."
            )

    @property
    def glibc(self) -> int:
        """Minor version of the target's glibc, 28 for 2.28."""
        found = _MANYLINUX.fullmatch(self.platform)
        assert found is not None
        return int(found[1])

    @property
    def machine(self) -> str:
        """Such as x86_64."""
        return self.platform.removeprefix(f"manylinux_2_{self.glibc}_")

    @property
    def platforms(self) -> list[str]:
        """All wheel platforms it takes, the newest first; the last is that of wheels compiled here."""
        tags: list[str] = []
        for glibc in range(self.glibc, OLDEST_GLIBC - 1, -1):
            tags.append(f"manylinux_2_{glibc}_{self.machine}")
            if glibc in _LEGACY:
                tags.append(f"{_LEGACY[glibc]}_{self.machine}")
        return [*tags, f"linux_{self.machine}"]

    @property
    def pip_options(self) -> list[str]:
        """What tells pip to choose wheels for it."""
        platforms = [word for tag in self.platforms for word in ("--platform", tag)]
        return ["--only-binary=:all:", "--implementation", "cp", "--python-version", self.python, *platforms]

    @property
    def markers(self) -> dict[str, str]:
        """Values of the markers in requirements (`; python_version < "3.12"`) that differ between machines."""
        return {
            "python_version": self.python,
            "python_full_version": f"{self.python}.0",
            "implementation_version": f"{self.python}.0",
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
            "platform_machine": self.machine,
            "platform_system": "Linux",
            "sys_platform": "linux",
            "os_name": "posix",
        }


def here() -> Target:
    """This Python, and a Linux as most are: with glibc 2.28 or newer, from 2018."""
    return Target(f"3.{sys.version_info.minor}", f"manylinux_2_28_{platform.machine()}")
