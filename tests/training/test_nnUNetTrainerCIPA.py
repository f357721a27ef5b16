"""What CIPA's trainer sets, on nnU-Net's own trainer with a plan and without data."""

import copy

import pytest
import torch

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.training import trainers
from nnunetv2_cipa.weights.folder_writing import png_plans

DATASET = {
    "channel_names": {"0": "PET", "1": "CT"},
    "labels": {"background": 0, "tumor": 1},
    "numTraining": 5,
    "file_ending": ".png",
}


@pytest.fixture
def make(tmp_path, monkeypatch):
    """A function that makes a trainer as nnU-Net does, from a class, for patches of 32x64."""
    for variable in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    data = tmp_path / "nnUNet_preprocessed" / "Dataset998_Slices" / "nnUNetPlans_2d"
    data.mkdir(parents=True)
    (data / "case.npz").touch()  # nnU-Net recognises its format by the ending

    def trainer(kind, **configuration):
        plans = {**copy.deepcopy(png_plans("Dataset998_Slices", (32, 64))), "continue_training": False}
        plans["configurations"]["2d"] |= configuration
        return kind(plans, "2d", 0, DATASET, torch.device("cpu"))

    return trainer


def test_class_attributes_are_what_is_trained_with(make):
    class Own(trainers.nnUNetTrainerCIPA_noDCIM_5epochs):
        initial_lr = 3e-4
        weight_decay = 0.5

    trainer = make(Own)
    assert (trainer.initial_lr, trainer.weight_decay) == (3e-4, 0.5)
    assert (trainer.num_epochs, trainer.num_iterations_per_epoch, trainer.num_val_iterations_per_epoch) == (5, 250, 50)
    assert trainer.my_init_kwargs.keys() == {"plans", "configuration", "fold", "dataset_json", "device"}
    assert trainer.output_folder_base.endswith("Own__nnUNetPlans__2d")
    trainer.initialize()
    assert trainer.network.patch_size == (32, 64)
    assert trainer.network.dcim is None
    assert trainer.network.crm is not None
    decayed, undecayed = trainer.optimizer.param_groups
    assert (decayed["lr"], decayed["weight_decay"], undecayed["weight_decay"]) == (3e-4, 0.5, 0.0)
    assert trainer.lr_scheduler.max_steps == 5


def test_the_quick_schedule(make):
    trainer = make(trainers.nnUNetTrainerCIPA_quick, batch_size=12)
    trainer._set_batch_size_and_oversample()
    numbers = trainer.num_epochs, trainer.num_iterations_per_epoch, trainer.num_val_iterations_per_epoch
    assert (*numbers, trainer.save_every, trainer.batch_size) == (20, 10, 3, 5, 2)


def test_the_plans_schedule(make):
    schedule = {"num_epochs": 7, "num_iterations_per_epoch": 3, "num_val_iterations_per_epoch": 2}
    trainer = make(trainers.nnUNetTrainerCIPA_small_planned, **schedule)
    assert {name: getattr(trainer, name) for name in schedule} == schedule
    assert (trainer.variant, trainer.initial_lr) == ("small", 1e-3)


def test_doubts_about_the_channels_are_kept_for_the_log(make, monkeypatch):
    assert make(trainers.nnUNetTrainerCIPA).modality_channels.order == (1, 0)
    monkeypatch.setitem(DATASET, "channel_names", {"0": "CT", "1": "CT"})
    (doubt,) = make(trainers.nnUNetTrainerCIPA).modality_channels.doubts
    assert "Both channels are named CT" in doubt


def test_a_volume_is_refused(make, tmp_path):
    with pytest.raises(InputError, match=r"2d has the 3D patch size \[16, 32, 32\]"):
        make(trainers.nnUNetTrainerCIPA, patch_size=[16, 32, 32])
    assert not (tmp_path / "nnUNet_results").exists()
