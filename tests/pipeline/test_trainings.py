import os

import pytest
import torch

from nnunetv2_cipa.pipeline.trainings import TrainingStep, is_whole, schedules_of
from nnunetv2_cipa.steps import Output, Writing
from nnunetv2_cipa.timing.work import Schedule

from .conftest import write_plan

COMMAND = ("nnUNetv2_train", "605", "2d", "0")


@pytest.fixture
def fold(tmp_path):
    folder = tmp_path / "fold_0"
    folder.mkdir()
    return folder


@pytest.fixture
def step(fold):
    return TrainingStep("train", COMMAND, output=Output((fold,), Writing.RESUMED))


def save(fold, name):
    path = fold / f"checkpoint_{name}.pth"
    torch.save({"network_weights": {"w": torch.arange(1000.0)}, "current_epoch": 3}, path)
    return path


def options(step):
    step.prepare()
    return step.launch_command()[len(COMMAND) :]


def test_a_training_begins_goes_on_and_is_validated(step, fold):
    assert options(step) == []
    save(fold, "best")
    assert options(step) == ["--c"]
    save(fold, "latest")
    assert options(step) == ["--c"]
    save(fold, "final")
    assert options(step) == ["--val"]


def test_the_checkpoint_before_a_damaged_one_is_used(step, fold, capsys):
    save(fold, "best")
    for name in ("latest", "final"):
        path = save(fold, name)
        os.truncate(path, path.stat().st_size - 10)
    assert options(step) == ["--c"]
    assert sorted(path.name for path in fold.iterdir()) == [
        "checkpoint_best.pth",
        "checkpoint_final.pth.damaged",
        "checkpoint_latest.pth.damaged",
    ]
    assert "checkpoint_final.pth is damaged" in capsys.readouterr().out


def test_without_a_whole_checkpoint_training_begins_anew(step, fold):
    save(fold, "latest").write_bytes(b"")
    assert options(step) == []


def test_changed_bytes_are_noticed(fold):
    path = save(fold, "latest")
    assert is_whole(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert not is_whole(path)


def test_what_was_being_written_goes(step, fold):
    (fold / "checkpoint_latest.pth.unfinished").touch()
    save(fold, "best")
    step.prepare()
    assert [path.name for path in fold.iterdir()] == ["checkpoint_best.pth"]


def test_asking_for_the_command_changes_nothing(step, fold):
    save(fold, "latest").write_bytes(b"")
    assert step.launch_command()[len(COMMAND) :] == ["--c"]
    assert [path.name for path in fold.iterdir()] == ["checkpoint_latest.pth"]


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
