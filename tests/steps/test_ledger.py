import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnunetv2_cipa.steps.ledger import Ledger


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


@settings(deadline=None)
@given(kept=st.integers(0, 250))
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
