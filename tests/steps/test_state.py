import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.steps import DoneSteps, Ledger, Output, Step, locked
from nnunetv2_cipa.steps.state import ContentDigests, sizes, step_key

HOLDER = """
import sys, time
from pathlib import Path
from nnunetv2_cipa.steps import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""


def test_the_second_is_refused_until_the_first_is_killed(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(InputError, match="Another run is at work in"), locked(tmp_path):
            pass
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.communicate()
    with locked(tmp_path):
        pass


def test_a_lock_is_given_back(tmp_path):
    for _ in range(2):
        with locked(tmp_path / "new"):
            assert (tmp_path / "new").is_dir()


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "steps.jsonl")


def end(ledger, step, result="done", seconds=1.0):
    ledger.ended(step, "key", result, exit_code=0, seconds=seconds, proof="sizes")


def test_a_new_ledger_knows_nothing(ledger):
    assert list(ledger.entries()) == []
    assert ledger.done("plan") is None
    assert ledger.seconds() == {}


def test_starts_and_ends_are_lines_of_json(ledger):
    ledger.started("plan", "key", {"reads": {}}, ["program", "-d", "1"])
    end(ledger, "plan")
    start, done = (json.loads(line) for line in ledger.path.read_text().splitlines())
    assert start["command"] == ["program", "-d", "1"]
    assert (start["event"], done["event"], done["result"]) == ("start", "end", "done")
    assert ledger.last_start("plan") == start
    assert ledger.done("plan") == done


def test_only_what_ended_well_is_done(ledger):
    ledger.started("plan", "key", {}, [])
    assert ledger.done("plan") is None
    for result in ("failed", "stopped"):
        end(ledger, "plan", result)
        assert ledger.done("plan") is None


def test_the_seconds_of_all_attempts_count(ledger):
    end(ledger, "train", "stopped", 5.0)
    end(ledger, "plan", seconds=2.0)
    end(ledger, "train", seconds=7.0)
    end(ledger, "predict", "failed", 1.0)
    assert ledger.seconds() == {"plan": 2.0, "train": 12.0}


@given(kept=st.integers(0, 250))
@pytest.mark.slow
def test_a_line_cut_off_anywhere_is_left_out_and_the_next_one_is_whole(tmp_path_factory, kept):
    ledger = Ledger(tmp_path_factory.mktemp("ledger") / "steps.jsonl")
    end(ledger, "first")
    whole = ledger.path.read_bytes()
    end(ledger, "second")
    second = ledger.path.read_bytes()[len(whole) :]
    cut = second[: min(kept, len(second) - 2)]  # the closing brace is missing at least
    ledger.path.write_bytes(whole + cut)
    assert ledger.done("first") is not None
    assert ledger.done("second") is None
    end(ledger, "third")
    assert [entry["step"] for entry in ledger.entries()] == ["first", "third"]


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


def test_a_change_is_found_though_size_and_time_are_as_before(data, digests):
    before, image = digests.digest(data), data / "a" / "image"
    status = image.stat()
    image.write_text("others")  # of the same length
    os.utime(image, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert digests.digest(data) != before


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


@pytest.fixture
def step(new_runner, tmp_path):
    """A step that is done: it has read `given` and made `made`."""
    (tmp_path / "given").write_text("a")
    program = "import sys; open(sys.argv[2], 'w').write(open(sys.argv[1]).read())"
    command = (sys.executable, "-S", "-c", program, str(tmp_path / "given"), str(tmp_path / "made"))
    step = Step("copy", command, reads=(tmp_path / "given",), output=Output((tmp_path / "made",)))
    new_runner().run([step])
    return step


def test_it_is_done_without_a_runner(step, tmp_path):
    assert step in DoneSteps(tmp_path)


def test_other_content_other_words_and_other_results_are_not(step, tmp_path):
    assert replace(step, command=(*step.command, "more")) not in DoneSteps(tmp_path)
    assert replace(step, options=("-np", "2")) in DoneSteps(tmp_path)
    (tmp_path / "given").write_text("b, longer")
    assert step not in DoneSteps(tmp_path)
    (tmp_path / "given").write_text("a")
    assert step in DoneSteps(tmp_path)
    (tmp_path / "made").write_text("cut off")
    assert step not in DoneSteps(tmp_path)


def test_nothing_is_done_before_what_it_needs(step, tmp_path):
    later = Step("later", ("python3",), needs=("copy", "never"))
    assert later not in DoneSteps(tmp_path)
    with pytest.raises(ValueError, match="step later needs never"):
        DoneSteps(tmp_path).key(later)


def test_what_needs_a_step_that_is_no_longer_done_is_not_done(step, tmp_path):
    later = Step("later", ("python3",))
    done = DoneSteps(tmp_path)
    done.ledger.ended("later", done.key(later)[0], "done", exit_code=0, seconds=1.0, proof=sizes(()))
    assert later in DoneSteps(tmp_path)
    assert replace(later, needs=("never",)) not in DoneSteps(tmp_path)


def test_asking_leaves_nothing(tmp_path):
    assert Step("any", ("python3",)) not in DoneSteps(tmp_path / "not there")
    assert list(tmp_path.iterdir()) == []
