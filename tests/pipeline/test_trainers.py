import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.pipeline.trainers import existing, planned, schedules_of
from nnunetv2_cipa.timing.work import Schedule

from .conftest import write_plan


def test_trainers_that_follow_the_plan(capsys):
    assert planned("nnUNetTrainer") == planned("nnUNetTrainer_planned") == "nnUNetTrainer_planned"
    assert planned("nnUNetTrainerCIPA_noCRM") == "nnUNetTrainerCIPA_noCRM_planned"
    assert capsys.readouterr().out == ""
    with pytest.raises(InputError, match="nnUNetTrainerDA5 would have to exist as nnUNetTrainerDA5_planned"):
        planned("nnUNetTrainerDA5")
    with pytest.raises(
        InputError, match="nnUNetTrainerDA5__nnUNetResEncUNetMPlans would have to exist as nnUNetTrainerDA5_planned"
    ):
        planned("nnUNetTrainerDA5__nnUNetResEncUNetMPlans")
    preset = "nnUNetTrainer_planned__nnUNetResEncUNetMPlans"
    assert planned("nnUNetTrainer__nnUNetResEncUNetMPlans") == planned(preset) == preset


def test_misspelt_trainers_are_named_at_once():
    assert existing(["nnUNetTrainer", "nnUNetTrainerCIPA"]) == ("nnUNetTrainer", "nnUNetTrainerCIPA")
    with pytest.raises(InputError, match="does not find a trainer 'nnUNetTrainerCIPO'"):
        existing(["nnUNetTrainer", "nnUNetTrainerCIPO"])


def test_schedules_are_known_where_they_can_be(tmp_path):
    names = ("nnUNetTrainer_planned", "nnUNetTrainerCIPA_quick", "nnUNetTrainerCIPA_20epochs", "nnUNetTrainer")
    write_plan(tmp_path / "plan.json", num_epochs=33)
    assert list(schedules_of(names, tmp_path / "plan.json").values()) == [
        Schedule(33),
        Schedule(20, 10, 3),
        Schedule(20),
        Schedule(),
    ]
    assert schedules_of(names[:1], tmp_path / "none.json")[names[0]] == Schedule()
