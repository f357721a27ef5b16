"""What stands beside converted images: labels by name, patients, folds, and warnings before training."""

import json
from collections.abc import Mapping

import pytest

from nnunetv2_cipa.dataset_conversion.petct_case import Outcome
from nnunetv2_cipa.dataset_conversion.petct_dataset import write_dataset_files
from nnunetv2_cipa.dataset_conversion.petct_layouts import Layout, Options
from nnunetv2_cipa.petct.dicom_case import DicomChoices
from nnunetv2_cipa.petct.labels import Classes


def outcome(name, subset="Tr", highest_class=1, *, axial=True):
    record = {"highest_class": highest_class, "axial": axial}
    return Outcome(name, name.partition("_")[0], subset, subset == "Tr", record)


SIX = [outcome(f"{patient}_{number}") for patient in "abcdef" for number in (1, 2)]


@pytest.fixture
def write(tmp_path):
    """A function that writes a dataset's files; it returns dataset.json and the warnings."""

    def write_files(converted, classes=(), chosen: Mapping[str, tuple[str, ...]] | None = None):
        layout = Layout("made", "a layout", lambda *_: True, lambda *_: None, tuple(classes))
        options = Options(DicomChoices(classes=Classes(chosen)) if chosen else DicomChoices())
        warnings = write_dataset_files(tmp_path, "Dataset606_Made", layout, options, converted)
        return json.loads((tmp_path / "dataset.json").read_text()), warnings

    return write_files


def test_what_nnunet_and_people_need_to_know(write, tmp_path):
    content, warnings = write([*SIX, outcome("t_1", "Ts")])
    assert content["channel_names"] == {"0": "CT", "1": "PET"}
    assert content["labels"] == {"background": 0, "tumor": 1}
    assert (content["numTraining"], content["file_ending"], content["name"]) == (12, ".nii.gz", "Dataset606_Made")
    assert (content["pet_unit"], content["modalities"]) == ("SUV", ["CT", "PET"])
    assert warnings == []
    patients = json.loads((tmp_path / "patients.json").read_text())
    assert patients == {one.name: one.patient for one in SIX} | {"t_1": "t"}


def test_folds_are_of_whole_patients_of_the_training_set(write, tmp_path):
    write([*SIX, outcome("t_1", "Ts")])
    folds = json.loads((tmp_path / "splits_final.json").read_text())
    assert len(folds) == 5
    assert sorted(case for fold in folds for case in fold["val"]) == sorted(one.name for one in SIX)
    for fold in folds:
        assert not {case[0] for case in fold["train"]} & {case[0] for case in fold["val"]}


@pytest.mark.parametrize(
    ("highest", "classes", "chosen", "names"),
    [
        ((0, 1), (), None, ["tumor"]),
        ((1, 3), (), None, ["label_1", "label_2", "label_3"]),
        ((1, 1), ("GTVp", "GTVn"), None, ["GTVp", "GTVn"]),
        ((1, 4), ("GTVp", "GTVn"), None, ["GTVp", "GTVn", "label_3", "label_4"]),
        ((1, 2), ("GTVp",), {"node": ("GTVn*",), "tumour": ("1", "3")}, ["node", "tumour"]),
    ],
)
def test_classes_are_named_by_choice_by_layout_or_by_number(write, highest, classes, chosen, names):
    content, _ = write([outcome("a_1", "Tr", highest[0]), outcome("b_1", "Tr", highest[1])], classes, chosen)
    assert content["labels"] == {"background": 0, **{name: number for number, name in enumerate(names, 1)}}


def test_classes_of_the_test_set_count(write):
    assert list(write([*SIX, outcome("t_1", "Ts", 2)])[0]["labels"]) == ["background", "label_1", "label_2"]


def test_what_an_interrupted_conversion_has_left_is_replaced(write, tmp_path):
    write(SIX)
    write(SIX[:2])
    assert set(json.loads((tmp_path / "patients.json").read_text())) == {"a_1", "a_2"}
    assert not (tmp_path / "splits_final.json").exists(), "one patient has no folds"


class TestWarnings:
    def test_without_labels_there_is_nothing_to_train(self, write, tmp_path):
        content, warnings = write([outcome("a_1", "Ts", 0), outcome("b_1", "Ts", 0)])
        assert warnings == ["No study has a label: all are images for prediction (imagesTs)."]
        assert content["numTraining"] == 0
        assert (tmp_path / "imagesTr").is_dir()
        assert (tmp_path / "labelsTr").is_dir()
        assert not (tmp_path / "splits_final.json").exists()

    def test_one_patient_has_no_folds(self, write, tmp_path):
        _, (warning,) = write(SIX[:2])
        assert warning.startswith("All training cases are of one patient")
        assert not (tmp_path / "splits_final.json").exists()

    def test_few_patients_have_few_folds(self, write, tmp_path):
        _, warnings = write(SIX[:6])
        assert warnings == ["The training cases are of 3 patients: there are 3 folds instead of 5."]
        assert len(json.loads((tmp_path / "splits_final.json").read_text())) == 3

    def test_empty_labels(self, write):
        empty = [outcome(one.name, "Tr", 0) for one in SIX]
        _, (warning,) = write([*empty, outcome("t_1", "Ts", 1)])
        assert warning.startswith("All labels are empty. nnU-Net cannot plan that")
        assert write([*empty[1:], SIX[0]])[1] == []

    def test_slices_that_are_not_the_coarsest_axis(self, write):
        _, (warning,) = write([*SIX, outcome("g_1", axial=False), outcome("h_1", "Ts", axial=False)])
        assert warning.startswith("2 cases, g_1 first, have slices closer together than their pixels")
