"""Which wheels a target needs: pip decides, and what has no wheel on the index is built into one."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from nnunetv2_cipa.errors import InputError

from .pip import pip
from .target import Target


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
            for the target.
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
    pip(
        f"find what the project requires {'for the target' if pip_options else 'here'}",
        "install",
        *options,
        *pip_options,
        root,
    )
    report: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    file.unlink()
    return report


def _build(name: str, version: str, folder: Path) -> None:
    """Make a wheel of a source distribution."""
    words = ["wheel", "--no-deps", "--wheel-dir", str(folder), "--find-links", str(folder), f"{name}=={version}"]
    pip(f"build a wheel of {name} {version}, which has none", *words)


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
    archive = item["download_info"]["archive_info"]
    return Wheel(name, item["metadata"]["version"], archive["hashes"]["sha256"], _file(item))


def _file(item: dict[str, Any]) -> str:
    """Name of the file that an item of a report is installed from."""
    return unquote(urlparse(item["download_info"]["url"]).path).rpartition("/")[2]
