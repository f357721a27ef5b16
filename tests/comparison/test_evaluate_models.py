"""Runs of all models on the same cases, and what is said where they are not the same."""

import json

import pytest
from PIL import Image

from nnunetv2_cipa.comparison.evaluate_models import ModelSource, References, evaluate_models
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.model_folder import find_model


@pytest.fixture
def trained(nnunet):
    """A function that finds a model of the made results."""

    def find(trainer, *folds):
        return find_model("Dataset777_Made", f"{trainer}__nnUNetPlans__2d", folds)

    return find


@pytest.fixture
def raw(nnunet):
    return nnunet / "nnUNet_raw" / "Dataset777_Made"


def test_folds_are_put_together(trained, raw):
    source = ModelSource("U-Net", (trained("nnUNetTrainer", "1", "0"),), ())
    (run,) = evaluate_models([source], References(raw / "labelsTr"))["U-Net"]
    assert [case.identifier for case in run.evaluation.cases] == ["a_1", "b_1", "c_1", "d_1"]
    assert [case.overlap.false_positives for case in run.evaluation.cases] == [16] * 4
    assert run.source.endswith("nnUNetTrainer__nnUNetPlans__2d, validation of fold 1, 0")


def test_predictions_and_cross_validation_of_the_same_cases(trained, raw, masks, tmp_path):
    folder = masks(tmp_path / "threshold", a_1=2, b_1=2)
    sources = [ModelSource("U-Net", (trained("nnUNetTrainer", "0"),), ()), ModelSource("PET", (), (folder, folder))]
    runs = evaluate_models(sources, References(raw / "labelsTr"))
    assert [len(of_model) for of_model in runs.values()] == [1, 2]
    assert runs["PET"][1].source == str(folder)
    assert [case.overlap.false_negatives for case in runs["PET"][0].evaluation.cases] == [0, 8]


def test_all_missing_and_extra_cases_are_named(raw, masks, tmp_path):
    one, other = masks(tmp_path / "one", e_1=2, f_1=3, f_2=3), masks(tmp_path / "other", e_1=2, f_2=3, g_1=3, h_1=3)
    with pytest.raises(InputError) as caught:
        evaluate_models([ModelSource("A", (), (one,)), ModelSource("B", (), (other,))], References(raw / "labelsTs"))
    lines = str(caught.value).splitlines()
    assert [line for line in lines if line.startswith("    ")] == ["    g_1", "    f_1", "    h_1"]
    assert lines[0].startswith("A: ")


def test_unequal_sets_are_named(trained, raw):
    sources = [
        ModelSource("both", (trained("nnUNetTrainer", "0", "1"),), ()),
        ModelSource("half", (trained("nnUNetTrainer_5epochs", "1"),), ()),
    ]
    with pytest.raises(InputError, match=r"(?s)same cases only.*half lacks 2 .*fold 1\):\n    a_1\n    b_1$"):
        evaluate_models(sources, References(raw / "labelsTr"))


def test_a_case_in_two_folds_is_an_error(trained, raw, masks):
    model = trained("nnUNetTrainer", "0", "1")
    masks(model.folder / "fold_1" / "validation", a_1=2)
    with pytest.raises(InputError, match=r"U-Net: .*fold_1/validation predicts what another fold has predicted: a_1"):
        evaluate_models([ModelSource("U-Net", (model,), ())], References(raw / "labelsTr"))


def test_shapes_that_do_not_fit_are_named(raw, masks, tmp_path):
    folder = masks(tmp_path / "pred", e_1=2, f_1=3, f_2=3, g_1=3)
    Image.new("L", (8, 9)).save(folder / "f_1.png")
    with pytest.raises(InputError, match=r"(?s)A: 1 of 4 cases.*f_1.png does not fit .*it has 9x8 pixels, not 8x8"):
        evaluate_models([ModelSource("A", (), (folder,))], References(raw / "labelsTs"))


def test_unknown_patients_are_named(trained, raw):
    source = ModelSource("U-Net", (trained("nnUNetTrainer", "0"),), ())
    known = evaluate_models([source], References(raw / "labelsTr", patients={"a_1": "Ada", "b_1": "Ada"}))
    assert [patient.identifier for patient in known["U-Net"][0].evaluation.patients] == ["Ada"]
    with pytest.raises(InputError, match=r"(?s)U-Net: .*without a patient.*\(1\):\n    b_1"):
        evaluate_models([source], References(raw / "labelsTr", patients={"a_1": "Ada"}))


def test_labels_must_mean_the_same(raw, masks, tmp_path):
    sources = []
    for name, value in (("A", 1), ("B", 2)):
        folder = masks(tmp_path / name, e_1=2, f_1=3, f_2=3, g_1=3)
        description = {"labels": {"background": 0, "tumour": value}, "file_ending": ".png"}
        (folder / "dataset.json").write_text(json.dumps(description))
        sources.append(ModelSource(name, (), (folder,)))
    with pytest.raises(InputError, match=r"name different labels \(A \[1\]; B \[2\]\)"):
        evaluate_models(sources, References(raw / "labelsTs"))
    assert evaluate_models(sources, References(raw / "labelsTs", dataset_json=raw / "dataset.json")).keys() == {
        "A",
        "B",
    }
