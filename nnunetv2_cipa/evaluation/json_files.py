"""Dataclasses as JSON files and back: NaN, which JSON does not have, is null there."""

import json
import math
from pathlib import Path
from typing import Any, TypeVar

import cattrs

from nnunetv2_cipa.errors import InputError

Kind = TypeVar("Kind")

_CONVERTER = cattrs.Converter()
_CONVERTER.register_structure_hook(float, lambda value, _: math.nan if value is None else float(value))


def write_json(path: Path, content: dict[str, Any], *, indent: int | None = None) -> None:
    """Write numbers, texts, lists and dictionaries, undefined values as null."""
    path.write_text(json.dumps(_nan_to_null(content), indent=indent, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path, kind: type[Kind], command: str) -> Kind:
    """Read a dataclass from what `write_json` wrote of its fields; further fields are not looked at.

    Args:
        path: The file.
        kind: The dataclass.
        command: That writes such files, to be named where this is none.

    Raises:
        InputError: there is no such file, or it is none of ours.
    """
    try:
        return _CONVERTER.structure(json.loads(path.read_text(encoding="utf-8")), kind)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, cattrs.BaseValidationError) as error:
        raise InputError(f"{path} was not written by nnUNetv2_cipa {command}. Run that again.") from error


def _nan_to_null(content: Any) -> Any:  # noqa: ANN401 - whatever JSON can hold
    if isinstance(content, dict):
        return {key: _nan_to_null(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_nan_to_null(value) for value in content]
    return None if isinstance(content, float) and math.isnan(content) else content
