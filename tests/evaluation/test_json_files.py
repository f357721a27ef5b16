"""Dataclasses in JSON files."""

import json
import math
from dataclasses import asdict, dataclass

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.evaluation.json_files import read_json, write_json


@dataclass(frozen=True)
class Inner:
    value: float


@dataclass(frozen=True)
class Outer:
    name: str
    numbers: tuple[float, ...]
    parts: dict[str, Inner]
    count: int | None = None


def test_what_was_written_reads_back_with_nan_as_null(tmp_path):
    outer = Outer("Ä", (1.0, math.nan), {"a": Inner(math.nan), "b": Inner(0.1)})
    write_json(tmp_path / "a.json", asdict(outer) | {"more": "that nobody reads"})
    assert json.loads((tmp_path / "a.json").read_text())["numbers"] == [1.0, None]
    found = read_json(tmp_path / "a.json", Outer, "evaluate")
    assert (found.name, found.numbers[0], found.parts["b"], found.count) == ("Ä", 1.0, Inner(0.1), None)
    assert math.isnan(found.numbers[1])
    assert math.isnan(found.parts["a"].value)


def test_infinity_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"value": math.inf})


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"name": "a", "numbers": 3, "parts": {}}', "\x00"])
def test_other_files_are_refused(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=r"a\.json was not written by nnUNetv2_cipa evaluate\. Run that again"):
        read_json(tmp_path / "a.json", Outer, "evaluate")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"a\.json cannot be read: No such file"):
        read_json(tmp_path / "a.json", Outer, "evaluate")
