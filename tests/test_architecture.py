"""docs/architecture.md's table of rooms is true: what a room imports stands above it, and in its row."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "nnunetv2_cipa"
LIBRARIES = {"torch": "torch", "nnunetv2": "nnU-Net"}
"""Libraries that a row names, by the name of their package."""


def rooms_of_the_package():
    """The files of each room: a folder or a module of the package; conversion is installed as one of them."""
    found = {"dataset_conversion": sorted((ROOT / "dataset_conversion").rglob("*.py"))}
    for path in sorted((ROOT / PACKAGE).iterdir()):
        if path.is_symlink():  # dataset_conversion, as tools that read the sources see it
            continue
        if path.is_dir() and any(path.rglob("*.py")):
            found[path.name] = sorted(path.rglob("*.py"))
        elif path.suffix == ".py" and path.stem != "__init__":
            found[path.stem] = [path]
    return found


def table():
    """(room, what it knows of) for each row, in order; a row may be that of several rooms."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = [line.strip("|").split("|") for line in text.split("\n\n## ")[0].splitlines() if line.startswith("| `")]
    return [
        (name, cells[-1]) for cells in rows for name in re.findall(r"`(?:nnunetv2_cipa/)?(\w+)(?:\.py)?`", cells[0])
    ]


def imported(path: Path) -> Iterator[str]:
    """The full names of the modules that a file imports, anywhere in it."""
    place = path.relative_to(ROOT).with_suffix("").parts
    if place[0] == "dataset_conversion":
        place = (PACKAGE, *place)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(place[: len(place) - node.level]) if node.level else ""
            name = ".".join(filter(None, (base, node.module)))
            yield from (f"{name}.{alias.name}" for alias in node.names) if name == PACKAGE else (name,)


ROOMS = rooms_of_the_package()
TABLE = table()
SHARED = [name for name, knows in TABLE if "used by everyone" in knows]
"""Rooms that everyone may import."""


def imported_rooms(room):
    modules = {module for path in ROOMS[room] for module in imported(path)}
    inside = {module.split(".")[1] for module in modules if module.startswith(f"{PACKAGE}.")}
    return inside & ROOMS.keys() - {room}, {module.split(".")[0] for module in modules}


def test_every_room_has_its_row():
    names = [name for name, _ in TABLE]
    assert sorted(names) == sorted(set(names))
    assert ROOMS.keys() <= set(names)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_what_its_row_says_and_nothing_from_below(room):
    rows = dict(TABLE)
    order = list(rows)
    rooms, packages = imported_rooms(room)
    assert rooms - set(SHARED) == set(re.findall(r"`(\w+)`", rows[room]))
    for package, title in LIBRARIES.items():
        assert (package in packages) == (title in rows[room]), package
    assert all(order.index(other) < order.index(room) for other in rooms)
