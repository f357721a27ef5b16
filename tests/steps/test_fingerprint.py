import os
from dataclasses import replace
from pathlib import Path

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.steps import Step
from nnunetv2_cipa.steps.fingerprint import ContentDigests, sizes, step_key


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "image").write_text("pixels")
    (folder / "list").write_text("image")
    return folder


@pytest.fixture
def digests(tmp_path):
    return ContentDigests(tmp_path / "digests.json")


def test_content_and_names_decide(data, digests):
    before = digests.digest(data)
    assert digests.digest(data) == before
    (data / "a" / "image").write_text("others")  # of the same length
    changed = digests.digest(data)
    (data / "a" / "image").rename(data / "a" / "renamed")
    assert len({before, changed, digests.digest(data)}) == 3


def test_unchanged_files_are_not_read_again(data, tmp_path, monkeypatch):
    before = ContentDigests(tmp_path / "digests.json").digest(data)
    again = ContentDigests(tmp_path / "digests.json")
    monkeypatch.setattr(Path, "open", None)
    monkeypatch.setattr(Path, "write_text", lambda *_, **__: None)
    assert again.digest(data) == before


def test_a_half_written_cache_is_left_out(data, tmp_path, digests):
    before = digests.digest(data)
    (tmp_path / "digests.json").write_text('{"half')
    assert ContentDigests(tmp_path / "digests.json").digest(data) == before


def test_a_single_file(data, digests):
    assert digests.digest(data / "list") != digests.digest(data / "a" / "image")


def test_what_is_not_there_is_named(tmp_path, digests):
    with pytest.raises(InputError, match="nothing does not exist"):
        digests.digest(tmp_path / "nothing")


def test_place_device_and_environment_do_not_matter_where_they_should_not(tmp_path):
    def key(folder, **changes):
        read = folder / "input"
        step = Step("plan", ("/venv/bin/plan", "-i", str(read), "-o", str(folder / "out")), reads=(read,))
        return step_key(replace(step, **changes), folder, {read: "digest"}, ["id of convert"])

    here = key(tmp_path / "here")
    assert key(tmp_path / "there") == here
    assert key(tmp_path / "here", options=("-device", "cuda")) == here
    assert key(tmp_path / "here", environment={"EPOCHS": "3"}) != here
    assert key(tmp_path / "here", command=("/venv/bin/plan", "-i", "other")) != here


def test_inputs_and_steps_before_decide(tmp_path):
    step = Step("plan", ("plan",), reads=(tmp_path,))
    keys = {step_key(step, tmp_path, {tmp_path: d}, [n]) for d in ("one", "two") for n in ("first", "again")}
    assert len(keys) == 4


def test_sizes_tell_missing_and_cut_off_files(data):
    whole = sizes([data])
    os.truncate(data / "a" / "image", 3)
    cut = sizes([data])
    (data / "a" / "image").unlink()
    assert len({whole, cut, sizes([data])}) == 3
    assert sizes([data, data / "a" / "image"]) is None
