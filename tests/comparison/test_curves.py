"""Training curves of nnU-Net's checkpoints."""

import numpy as np
import pytest
import torch

from nnunetv2_cipa.comparison.curves import read_curves
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.model_folder import find_model


@pytest.fixture
def trained(nnunet):
    return find_model("Dataset777_Made", "nnUNetTrainer__nnUNetPlans__2d", ["0", "1"])


def test_curves_of_all_folds(trained):
    first, second = read_curves([trained])
    assert (first.fold, second.fold) == ("0", "1")
    assert list(first.epochs) == [0, 1, 2]
    assert first.train_loss == pytest.approx((0.5, 0.4, 0.3))
    assert first.pseudo_dice == first.val_loss == first.train_loss
    assert first.learning_rate == (0.01,) * 3
    assert first.epoch_seconds == (60.0,) * 3
    assert all(type(value) is float for value in first.train_loss)


def test_several_trainings_are_named(trained):
    other = find_model("Dataset777_Made", "nnUNetTrainer_5epochs__nnUNetPlans__2d", ["0"])
    names = [curve.fold for curve in read_curves([trained, other])]
    assert names == ["nnUNetTrainer__nnUNetPlans__2d 0", "nnUNetTrainer__nnUNetPlans__2d 1", f"{other.folder.name} 0"]
    assert read_curves([]) == ()


def change(trained, **changes):
    file = trained.folder / "fold_0" / "checkpoint_final.pth"
    checkpoint = torch.load(file, weights_only=False)
    checkpoint["logging"] |= changes
    torch.save(checkpoint, file)


def test_what_is_no_number_is_undefined(trained):
    change(trained, val_losses=[float("nan"), float("inf"), np.float64(0.25)])
    assert read_curves([trained])[0].val_loss == pytest.approx((np.nan, np.nan, 0.25), nan_ok=True)


def test_a_training_of_no_epoch(trained):
    change(trained, epoch_end_timestamps=[])
    assert read_curves([trained])[0].train_loss == ()


def test_imported_weights_have_no_curve(trained):
    for fold in trained.folds:
        torch.save({"network_weights": {}}, trained.folder / f"fold_{fold}" / "checkpoint_final.pth")
    assert read_curves([trained]) == ()


def test_other_logs_are_refused(trained):
    change(trained, lrs=None)
    with pytest.raises(InputError, match=r"fold_0/checkpoint_final.pth has logs of another kind.*lrs"):
        read_curves([trained])


def test_a_damaged_checkpoint_is_named(trained):
    (trained.folder / "fold_1" / "checkpoint_final.pth").write_bytes(b"not a checkpoint")
    with pytest.raises(InputError, match=r"fold_1/checkpoint_final.pth is damaged"):
        read_curves([trained])
