"""Whose folder it is that a run works in."""

import json
from pathlib import Path
from typing import Any

from nnunetv2_cipa.errors import InputError

from .workspace import Workspace

CLAIM = "run.json"
VERSION = 2
"""Of what a run's folder means; until 1, seed 0 was a training without seed."""


def refuse_foreign(workspace: Workspace) -> None:
    """Leave folders alone that hold something else, or a run with other data.

    Raises:
        InputError: it is such a folder, or what says whose it is was not written by a run.
    """
    folder = workspace.folder
    present = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if CLAIM in present:
        before = _read(folder / CLAIM)
        settings = _settings(workspace)
        if any(before.get(name) != settings[name] for name in ("data", "dataset")):
            raise InputError(
                f"{folder} holds a run with {before['data']} as {before['dataset']}. Choose another folder with -o."
            )
        if before.get("version") != VERSION:
            raise InputError(
                f"{folder} holds a run of an earlier version, where seed 0 was a training without seed. Choose another "
                "folder with -o, or finish it with the version that began it."
            )
    elif others := present - {".lock", f"{CLAIM}.unfinished"}:
        raise InputError(
            f"{folder} is neither empty nor an earlier run: it holds {', '.join(sorted(others)[:3])}. "
            "Choose another folder with -o."
        )


def claim(workspace: Workspace) -> None:
    """Write down whose folder it is."""
    unfinished = workspace.folder / f"{CLAIM}.unfinished"
    unfinished.write_text(json.dumps(_settings(workspace)), encoding="utf-8")
    unfinished.replace(workspace.folder / CLAIM)


def _read(file: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return {**content, "data": content["data"], "dataset": content["dataset"]}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} was not written by a run of ours. Choose another folder with -o.") from error


def _settings(workspace: Workspace) -> dict[str, str | int]:
    return {"data": str(workspace.source.folder), "dataset": workspace.source.dataset, "version": VERSION}
