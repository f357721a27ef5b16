import os

import pytest

from nnunetv2_cipa.cluster.distribute import distribute
from nnunetv2_cipa.steps import LocalExecutor, Runner, Step


@pytest.fixture
def predict(tmp_path):
    """A stand-in for nnU-Net's command: what counts is which arguments it gets, and what it leaves."""
    program = tmp_path / "nnUNetv2_predict"
    program.write_text(
        '#!/bin/sh\nmkdir -p "$2" && echo "$@" > "$2/case_$6" && touch "$2/plans.json"\n'
        '[ "$3 $5" = "-num_parts -part_id" ]\n'
    )
    program.chmod(0o755)
    folder = tmp_path / "predictions"
    return Step("predict", (str(program), "-o", str(folder)), needs=("train",), makes=(folder,), beside=True)


def test_one_part_changes_nothing(predict):
    assert distribute([predict]) == [predict]


def test_predictions_in_parts_are_joined(predict, tmp_path):
    train = Step("train", ("true",))
    steps = distribute([train, predict], parts=3)
    assert [step.name for step in steps[1:4]] == [f"predict_part_{number}_of_3" for number in range(3)]
    assert (steps[4].name, steps[4].makes) == ("predict", predict.makes)
    assert {step.needs for step in steps[1:4]} == {("train",)}
    Runner(tmp_path, os.environ, LocalExecutor()).run(steps)
    files = sorted(file.name for file in (tmp_path / "predictions").iterdir())
    assert files == ["case_0", "case_1", "case_2", "plans.json"]


def test_trainings_share_gpus(tmp_path):
    train = Step("train", ("/bin/nnUNetv2_train", "1", "2d", "0"), options=("-device", "cuda"))
    other = Step("plan", ("/bin/nnUNetv2_plan_and_preprocess",))
    changed, same = distribute([train, other], gpus=4)
    assert changed.options == ("-device", "cuda", "-num_gpus", "4")
    assert changed.command == train.command
    assert same == other
