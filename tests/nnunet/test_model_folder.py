"""Model folders, as nnU-Net leaves them."""

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.model_folder import find_model, find_training_labels

MODEL = "nnUNetTrainer__nnUNetPlans__2d"


@pytest.fixture
def nnunet(tmp_path, monkeypatch):
    """nnU-Net's folders with a dataset and two models of two folds; the files are empty."""
    for variable in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    (tmp_path / "nnUNet_raw" / "Dataset777_Made" / "labelsTr").mkdir(parents=True)
    for trainer in ("nnUNetTrainer", "nnUNetTrainer_5epochs"):
        folder = tmp_path / "nnUNet_results" / "Dataset777_Made" / f"{trainer}__nnUNetPlans__2d"
        for fold in ("fold_0", "fold_1"):
            (folder / fold / "validation").mkdir(parents=True)
            (folder / fold / "validation" / "summary.json").touch()
            (folder / fold / "checkpoint_final.pth").touch()
        (folder / "plans.json").touch()
    return tmp_path


def test_finds_a_model(nnunet):
    model = find_model("Dataset777_Made", MODEL, ["1", "0", "1"])
    assert model.folder == nnunet / "nnUNet_results" / "Dataset777_Made" / MODEL
    assert (model.trainer, model.configuration, model.folds) == ("nnUNetTrainer", "2d", ("1", "0"))
    assert model.validation_folders() == [
        model.folder / "fold_1" / "validation",
        model.folder / "fold_0" / "validation",
    ]
    assert model.checkpoints()["0"] == model.folder / "fold_0" / "checkpoint_final.pth"


def test_a_training_that_goes_on_has_its_latest_checkpoint(nnunet):
    model = find_model("Dataset777_Made", MODEL, ["0"])
    latest = model.folder / "fold_0" / "checkpoint_latest.pth"
    (model.folder / "fold_0" / "checkpoint_final.pth").rename(latest)
    assert model.checkpoints() == {"0": latest}


def test_names_what_is_there(nnunet):
    with pytest.raises(InputError, match=r"no model X__P__2d. It has nnUNetTrainer_5epochs__\S+, nnUNetTrainer__\S+2d"):
        find_model("Dataset777_Made", "X__P__2d", ["0"])


def test_names_folds_that_are_not_there(nnunet):
    model = find_model("Dataset777_Made", MODEL, ["0", "1", "2", "3"])
    (model.folder / "fold_1" / "validation" / "summary.json").unlink()
    with pytest.raises(InputError) as caught:
        model.validation_folders()
    message = str(caught.value)
    assert "3 of 4 folds of nnUNetTrainer__nnUNetPlans__2d are not validated" in message
    assert all(f"fold_{fold}/validation" in message for fold in (1, 2, 3))
    assert "fold_0" not in message
    with pytest.raises(InputError, match=r"not trained(.|\n)*fold_2/checkpoint_final.pth(.|\n)*fold_3"):
        model.checkpoints()


def test_fold_all_is_no_cross_validation(nnunet):
    with pytest.raises(InputError, match="fold all is validated on what it was trained on"):
        find_model("Dataset777_Made", MODEL, ["all"]).validation_folders()


def test_results_folder_is_not_set(nnunet, monkeypatch):
    monkeypatch.delenv("nnUNet_results")
    with pytest.raises(InputError, match="nnUNet_results is not set"):
        find_model("Dataset777_Made", MODEL, ["0"])


def test_training_labels(nnunet, monkeypatch):
    assert find_training_labels("Dataset777_Made") == nnunet / "nnUNet_raw" / "Dataset777_Made" / "labelsTr"
    copies = nnunet / "nnUNet_preprocessed" / "Dataset777_Made" / "gt_segmentations"
    copies.mkdir(parents=True)
    monkeypatch.delenv("nnUNet_raw")
    assert find_training_labels("Dataset777_Made") == copies
    with pytest.raises(InputError, match=r"were not found in \S+Dataset1_X/gt_segmentations. Give their folder"):
        find_training_labels("Dataset1_X")
    monkeypatch.delenv("nnUNet_preprocessed")
    with pytest.raises(InputError, match="which are not set"):
        find_training_labels("Dataset777_Made")


def test_a_name_without_plans_is_no_model(nnunet):
    (nnunet / "nnUNet_results" / "Dataset777_Made" / "A__B__2d").mkdir()
    with pytest.raises(InputError, match="no model A__B__2d"):
        find_model("Dataset777_Made", "A__B__2d", ["0"])
