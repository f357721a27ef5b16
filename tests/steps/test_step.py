import pickle
from pathlib import Path

import pytest

from nnunetv2_cipa.steps import Output, Step, Writing


def test_what_is_written_beside_is_moved_when_finished(tmp_path):
    step = Step(
        "predict",
        ("predict", "-o", str(tmp_path / "made")),
        ("-device", "cpu"),
        output=Output((tmp_path / "made",), Writing.BESIDE),
    )
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "old").touch()
    step.prepare()
    program, option, place, *others = step.launch_command()
    assert (program, option, others) == ("predict", "-o", ["-device", "cpu"])
    assert place != str(tmp_path / "made")
    assert place.endswith("/made")
    assert (tmp_path / "made" / "old").exists()
    Path(place).mkdir()
    step.output.finish()
    assert list((tmp_path / "made").iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_half_made_things_go_when_the_step_is_prepared(tmp_path):
    step = Step("predict", ("predict",), output=Output((tmp_path / "made",), Writing.BESIDE))
    step.prepare()
    (half_made,) = tmp_path.iterdir()
    (half_made / "made").mkdir()
    step.prepare()
    assert list(half_made.iterdir()) == []


def test_what_is_written_in_its_place_is_named_as_it_is(tmp_path):
    step = Step("plan", ("plan", str(tmp_path)), output=Output((tmp_path,)))
    assert step.launch_command() == ["plan", str(tmp_path)]
    assert step.output.proof == (tmp_path,)


def test_only_one_thing_can_be_written_beside(tmp_path):
    with pytest.raises(ValueError, match="must be one thing, not 2"):
        Output((tmp_path / "a", tmp_path / "b"), Writing.BESIDE)


def test_steps_can_be_sent_to_another_machine(tmp_path):
    step = Step("plan", ("plan",), output=Output((tmp_path,)), environment={"A": "b"})
    assert pickle.loads(pickle.dumps(step)) == step
