"""The quick schedules: how much they train, and that they predict once."""

import pytest
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

from nnunetv2_cipa.training.quick import nnUNetTrainer_demo, nnUNetTrainer_quick


@pytest.mark.parametrize(("kind", "iterations"), [(nnUNetTrainer_quick, 200), (nnUNetTrainer_demo, 320)])
def test_iterations_in_all(kind, iterations):
    assert kind.epochs * kind.iterations_per_epoch == iterations
    assert kind.epochs_between_checkpoints < kind.epochs, "an interrupted run can resume"


@pytest.mark.parametrize("kind", [nnUNetTrainer_quick, nnUNetTrainer_demo])
@pytest.mark.parametrize(("planned", "batch_size"), [(1, 1), (2, 2), (3, 2), (64, 2)])
def test_a_batch_has_two_images_at_most(monkeypatch, kind, planned, batch_size):
    def set_batch_size(self):
        self.batch_size, self.oversample_foreground_percent = planned, 0.33

    monkeypatch.setattr(nnUNetTrainer, "_set_batch_size_and_oversample", set_batch_size)
    trainer = kind.__new__(kind)
    trainer._set_batch_size_and_oversample()
    assert (trainer.batch_size, trainer.oversample_foreground_percent) == (batch_size, 0.33)


@pytest.mark.parametrize("kind", [nnUNetTrainer_quick, nnUNetTrainer_demo])
def test_training_mirrors_and_prediction_does_not(monkeypatch, kind):
    def configure(self):
        self.inference_allowed_mirroring_axes = (0, 1)
        return "rotation", False, (64, 64), (0, 1)

    monkeypatch.setattr(nnUNetTrainer, "configure_rotation_dummyDA_mirroring_and_inital_patch_size", configure)
    trainer = kind.__new__(kind)
    configured = trainer.configure_rotation_dummyDA_mirroring_and_inital_patch_size()
    assert configured == ("rotation", False, (64, 64), (0, 1))
    assert trainer.inference_allowed_mirroring_axes is None
