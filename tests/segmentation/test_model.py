"""Model folders of nnU-Net's, loaded or refused."""

import json

import pytest
import torch

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.segmentation.model import load_model

CPU, CHECKPOINT = torch.device("cpu"), "checkpoint_final.pth"


def test_all_trained_folds_are_loaded(model_folder):
    model = load_model(model_folder(thresholds=(4.0, 5.0, 6.0)), None, CHECKPOINT, CPU)
    assert model.folds == ("0", "1", "2")
    assert [float(parameters["threshold"]) for parameters in model.predictor.list_of_parameters] == [4, 5, 6]
    assert (model.name, model.channels, model.file_ending) == ("nnUNetTrainer", (0, 1), ".nii.gz")


def test_folds_that_are_asked_for_are_loaded_in_that_order(model_folder):
    model = load_model(model_folder(thresholds=(4.0, 5.0, 6.0)), ["2", "0"], CHECKPOINT, CPU)
    assert [float(parameters["threshold"]) for parameters in model.predictor.list_of_parameters] == [6, 4]


def test_channels_follow_their_names(model_folder):
    assert load_model(model_folder(names=("PET", "CT"), pet_channel=0), None, CHECKPOINT, CPU).channels == (1, 0)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ({"background": 0, "tumor": 1}, ("tumor",)),
        ({"node": 2, "background": 0, "primary": 1, "ignore": 3}, ("primary", "node")),
        ({"background": 0, "whole": [1, 3], "core": [3]}, ("label_1", "label_2", "core")),
    ],
)
def test_classes_are_named_by_their_label(model_folder, labels, names):
    folder = model_folder(labels={"background": 0, "tumor": 1})
    content = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps({**content, "labels": labels, "regions_class_order": [1, 3]}))
    assert load_model(folder, None, CHECKPOINT, CPU).class_names == names


def test_folds_that_are_not_trained_are_refused(model_folder):
    folder = model_folder(thresholds=(4.0, 5.0))
    with pytest.raises(InputError, match=r"has no checkpoint_final\.pth of fold 3, all; it has 0, 1\."):
        load_model(folder, ["0", "3", "all"], CHECKPOINT, CPU)
    with pytest.raises(InputError, match=r"has no fold with checkpoint_best\.pth"):
        load_model(folder, None, "checkpoint_best.pth", CPU)


@pytest.mark.parametrize("missing", [("dataset.json",), ("plans.json",), ("dataset.json", "plans.json")])
def test_other_folders_are_refused(model_folder, missing):
    folder = model_folder()
    for name in missing:
        (folder / name).unlink()
    with pytest.raises(InputError, match=f"has no {' and no '.join(missing)}: it is no model folder"):
        load_model(folder, None, CHECKPOINT, CPU)


def test_a_damaged_dataset_json_is_refused(model_folder):
    folder = model_folder()
    (folder / "dataset.json").write_text("{")
    with pytest.raises(InputError, match=r"dataset\.json is not valid JSON"):
        load_model(folder, None, CHECKPOINT, CPU)
