"""Which wheels a machine needs: pip decides, and what has no wheel on the index is built into one."""

import json
import platform
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.processes import output_of

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


def pip(what: str, command: str, *words: str) -> None:
    """Call this Python's pip; `what` says in words what for.

    Raises:
        InputError: it fails; the message ends with what it said.
    """
    print(f"{what} ...", flush=True)
    called = [sys.executable, "-m", "pip", command, "--disable-pip-version-check", "--no-input", *words]
    output_of(called, failure=f"pip could not {what}. Put that right and start the same again. It said")


@dataclass(frozen=True)
class Wheel:
    """A wheel that pip has chosen.

    Attributes:
        name: Of its project, normalised.
        version: Of its project.
        sha256: Of the file.
        file: Its name.
    """

    name: str
    version: str
    sha256: str
    file: str


def resolve(root: str, folder: Path, target: Target, without: Iterable[str]) -> list[Wheel]:
    """Choose the wheels for a requirement and all that it requires.

    Args:
        root: The requirement.
        folder: Wheels that may be chosen besides those of the index; wheels that are built are put there.
        target: The machine they are for.
        without: Names of projects to leave out, with all that only they require.

    Raises:
        InputError: there is no solution, the index can't be reached, or something that is not pure Python has no wheel
            for the target, or pip is too old to report hashes (before 23.2).
    """
    for item in _report(root, folder, [])["install"]:  # as for this Python, which may build source distributions
        if not _file(item).endswith(".whl"):
            _build(item["metadata"]["name"], item["metadata"]["version"], folder)
    report = _report(root, folder, target.pip_options)
    return sorted(_chosen(report, target, without), key=lambda wheel: wheel.name)


def _report(root: str, folder: Path, pip_options: Sequence[str]) -> dict[str, Any]:
    file = folder / "report.json"
    options = ["--dry-run", "--ignore-installed", "--report", str(file), "--find-links", str(folder)]
    if pip_options:
        options += ["--target", str(folder / "nowhere")]  # pip before 23.3 wants it with options of a platform
    where = "for the target" if pip_options else "here"
    pip(f"find what the project requires {where}", "install", *options, *pip_options, root)
    report: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    file.unlink()
    return report


def _build(name: str, version: str, folder: Path) -> None:
    """Make a wheel of a source distribution."""
    options = ["--no-deps", "--wheel-dir", str(folder), "--find-links", str(folder)]
    pip(f"build a wheel of {name} {version}, which has none", "wheel", *options, f"{name}=={version}")


def _chosen(report: dict[str, Any], target: Target, without: Iterable[str]) -> Iterable[Wheel]:
    """The wheels of a report that can be reached from what was asked for, past those that are left out."""
    items = {canonicalize_name(item["metadata"]["name"]): item for item in report["install"]}
    left_out = {canonicalize_name(name) for name in without}
    if unknown := left_out - items.keys():
        raise InputError(f"--without {' '.join(sorted(unknown))}: the project does not require it.")
    waiting = [(name, frozenset(item.get("requested_extras", ()))) for name, item in items.items() if item["requested"]]
    seen: set[tuple[NormalizedName, frozenset[str]]] = set()
    while waiting:
        name, extras = waiting.pop()
        if name in left_out or (name, extras) in seen:
            continue
        seen.add((name, extras))
        for text in items[name]["metadata"].get("requires_dist", ()):
            requirement = Requirement(text)
            if _applies(requirement, extras, target):
                waiting.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))
    return [_wheel(name, items[name]) for name in {name for name, _ in seen}]


def _applies(requirement: Requirement, extras: frozenset[str], target: Target) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({**target.markers, "extra": extra}) for extra in ("", *extras))


def _wheel(name: str, item: dict[str, Any]) -> Wheel:
    hashes = item["download_info"]["archive_info"].get("hashes")
    if not hashes:
        raise InputError(
            f"This environment's pip reports no hash of {name}, which an offline installation checks. Update it: "
            "python -m pip install --upgrade pip"
        )
    return Wheel(name, item["metadata"]["version"], hashes["sha256"], _file(item))


def _file(item: dict[str, Any]) -> str:
    """Name of the file that an item of a report is installed from."""
    return unquote(urlparse(item["download_info"]["url"]).path).rpartition("/")[2]
