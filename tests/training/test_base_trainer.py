"""What all our trainers do, on nnU-Net's trainer with the parts replaced that need data or a network."""

import json
import random
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

from nnunetv2_cipa.training.base_trainer import BaseTrainer, seed_this_process


def draw():
    return torch.rand(1).item(), np.random.rand(), random.random()  # noqa: NPY002 - what nnU-Net draws from


@pytest.fixture
def trainer():
    return BaseTrainer.__new__(BaseTrainer)


@pytest.fixture
def drawn(trainer, monkeypatch):
    """A function that starts a training and returns the numbers that it draws."""

    def start(plans, epoch=0, rank=0):
        monkeypatch.setattr(nnUNetTrainer, "on_train_start", lambda self: setattr(self, "drawn", draw()))
        trainer.plans_manager = SimpleNamespace(plans=plans)
        trainer.current_epoch, trainer.local_rank = epoch, rank
        trainer.on_train_start()
        return trainer.drawn

    return start


@pytest.mark.parametrize("seed", [0, 1])
def test_the_plans_seed_decides(drawn, seed):
    assert drawn({"seed": seed}) == drawn({"seed": seed})
    one, other = drawn({"seed": seed}), drawn({"seed": seed + 1})
    assert all(mine != theirs for mine, theirs in zip(one, other, strict=True))


def test_a_resumed_training_and_other_gpus_draw_other_numbers(drawn):
    assert len({drawn({"seed": 1}), drawn({"seed": 1}, 5), drawn({"seed": 1}, 0, 1)}) == 3


def test_a_plan_without_seed_changes_nothing(drawn):
    seed_this_process(7)
    expected = draw()
    seed_this_process(7)
    assert drawn({}) == expected


def test_an_interrupted_write_leaves_the_checkpoint_before(trainer, tmp_path, monkeypatch):
    target = tmp_path / "checkpoint_latest.pth"

    def save(content, fails=False):
        def write(self, filename):
            Path(filename).write_text(content)
            if fails:
                raise OSError("No space left on device")

        monkeypatch.setattr(nnUNetTrainer, "save_checkpoint", write)
        trainer.save_checkpoint(str(target))

    save("first")
    with pytest.raises(OSError):
        save("sec", fails=True)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(target.name, "first")]
    save("second")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(target.name, "second")]


def test_nothing_is_moved_where_nothing_was_written(trainer, tmp_path, monkeypatch):
    monkeypatch.setattr(nnUNetTrainer, "save_checkpoint", lambda self, filename: None)
    trainer.save_checkpoint(str(tmp_path / "checkpoint_latest.pth"))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def log_of_split(trainer, tmp_path, monkeypatch):
    """A function that splits cases and returns what is logged."""

    def split(training, validation, patients=None, fold=0):
        log, datasets = [], tuple(SimpleNamespace(identifiers=cases) for cases in (training, validation))
        monkeypatch.setattr(nnUNetTrainer, "get_tr_and_val_datasets", lambda self: datasets)
        monkeypatch.setattr(nnUNetTrainer, "print_to_log_file", lambda self, text: log.append(text))
        trainer.fold, trainer.preprocessed_dataset_folder_base = fold, str(tmp_path)
        if patients is not None:
            (tmp_path / "dataset.json").write_text("{}")
            (tmp_path / "patients.json").write_text(json.dumps(patients))
        assert trainer.get_tr_and_val_datasets() == datasets
        return log

    return split


def test_patients_in_training_and_validation_are_told(log_of_split):
    (warning,) = log_of_split(
        ["a1", "a2", "b1"], ["a3", "c1"], dict(zip(["a1", "a2", "a3", "b1", "c1"], "AAABC", strict=True))
    )
    assert warning.startswith("WARNING: Patients with cases in training and in validation: A. The validation")
    assert "patients.json" in warning


def test_slices_of_a_patient_are_told_by_their_names(log_of_split):
    (warning,) = log_of_split(["0001_10", "0001_11", "0002_3"], ["0001_12", "0003_4"])
    assert "validation: 0001. The" in warning
    assert "--patients" in warning


def test_many_patients_are_counted(log_of_split):
    (warning,) = log_of_split([f"{n}_1" for n in range(1, 7)], [f"{n}_2" for n in range(1, 7)])
    assert "validation: 1, 2, 3 and 3 more." in warning


def test_folds_of_whole_patients_are_not_worth_a_word(log_of_split):
    assert log_of_split(["0001_10", "0001_11", "0002_3"], ["0003_4", "0003_5"]) == []
    assert log_of_split(["a1", "a2"], ["b1"], {"a1": "A", "a2": "A", "b1": "B"}) == []
    assert log_of_split(["a1", "a2"], ["a1", "a2"], {"a1": "A", "a2": "A"}, fold="all") == []


@pytest.mark.parametrize(("patients", "reason"), [({"a1": "A"}, "b1"), (["A", "B"], "must give each case identifier")])
def test_a_list_of_patients_that_does_not_fit_does_not_keep_from_training(log_of_split, patients, reason):
    (warning,) = log_of_split(["a1"], ["b1"], patients)
    assert "cannot be told" in warning
    assert reason in warning


@pytest.mark.parametrize(("mirrored", "axes"), [(True, (0, 1)), (False, None)])
def test_training_mirrors_and_prediction_as_is_declared(trainer, monkeypatch, mirrored, axes):
    def configure(self):
        self.inference_allowed_mirroring_axes = (0, 1)
        return "rotation", False, (64, 64), (0, 1)

    monkeypatch.setattr(nnUNetTrainer, "configure_rotation_dummyDA_mirroring_and_inital_patch_size", configure)
    monkeypatch.setattr(BaseTrainer, "mirrored_prediction", mirrored)
    configured = trainer.configure_rotation_dummyDA_mirroring_and_inital_patch_size()
    assert configured == ("rotation", False, (64, 64), (0, 1))
    assert trainer.inference_allowed_mirroring_axes == axes
