"""From words to files."""

from pathlib import Path

import pytest

from nnunetv2_cipa.comparison.specification import specify
from nnunetv2_cipa.errors import InputError


def specified(dataset=None, trainers=(), predictions=(), reference=None, folds=("0",)):
    return specify(dataset, trainers, predictions, reference, plans="nnUNetPlans", configuration="2d", folds=folds)


def described(specification):
    """Names, model folders and prediction folders, as text."""
    return [
        (
            source.name,
            [model.folder.name for model in source.trained],
            [str(folder.relative_to(Path.cwd())) for folder in source.predictions],
        )
        for source in specification.sources
    ]


def test_trainers_are_compared_by_cross_validation(nnunet):
    words = ["nnUNetTrainer_5epochs", "U-Net=nnUNetTrainer__nnUNetPlans__2d"]
    found = specified("777", words, folds=("0", "1"))
    assert described(found) == [
        ("nnUNetTrainer_5epochs", ["nnUNetTrainer_5epochs__nnUNetPlans__2d"], []),
        ("U-Net", ["nnUNetTrainer__nnUNetPlans__2d"], []),
    ]
    assert found.sources[0].trained[0].folds == ("0", "1")
    assert found.reference == nnunet / "nnUNet_raw" / "Dataset777_Made" / "labelsTr"
    assert found.dataset_name == "Dataset777_Made"


def test_plans_can_be_named_without_a_configuration(nnunet):
    found = specified("777", ["nnUNetTrainer__nnUNetPlans"])
    assert described(found) == [("nnUNetTrainer__nnUNetPlans", ["nnUNetTrainer__nnUNetPlans__2d"], [])]


def test_predictions_join_the_trainer_of_their_name(nnunet):
    words = ["A=nnUNetTrainer", "A=nnUNetTrainer_5epochs"]
    found = specified("777", words, ["B=p/b", "A=p/a1", "A=p/a=2"], Path("labelsTs"))
    assert described(found) == [
        ("A", ["nnUNetTrainer__nnUNetPlans__2d", "nnUNetTrainer_5epochs__nnUNetPlans__2d"], ["p/a1", "p/a=2"]),
        ("B", [], ["p/b"]),
    ]
    assert found.reference == Path("labelsTs").absolute()


def test_predictions_alone_need_nothing_of_nnunet(tmp_path, monkeypatch):
    monkeypatch.delenv("nnUNet_results", raising=False)
    found = specified(predictions=["A=a", "B=b"], reference=tmp_path / "Dataset001_Mine" / "labelsTs")
    assert described(found) == [("A", [], ["a"]), ("B", [], ["b"])]
    assert found.dataset_name == "Dataset001_Mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "No model is named"),
        ({"trainers": ["nnUNetTrainer"]}, "-tr needs -d"),
        ({"predictions": ["A=a"]}, "with -ref"),
        ({"dataset": "777", "predictions": ["A=a"]}, "with -ref"),
        ({"predictions": ["a"], "reference": Path()}, "expected NAME=FOLDER"),
        ({"predictions": ["=a"], "reference": Path()}, "expected NAME=FOLDER"),
        ({"predictions": ["A="], "reference": Path()}, "expected NAME=FOLDER"),
        ({"dataset": "777", "trainers": ["=nnUNetTrainer"]}, "expected TRAINER or NAME=TRAINER"),
        ({"dataset": "777", "trainers": ["A="]}, "expected TRAINER or NAME=TRAINER"),
        ({"dataset": "777", "trainers": ["A=nnUNetTrainer____2d"]}, r"expected TRAINER\[__PLANS\[__CONFIGURATION\]\]"),
        ({"dataset": "777", "trainers": ["A=a__b__c__d"]}, r"expected TRAINER\[__PLANS\[__CONFIGURATION\]\]"),
        ({"dataset": "777", "trainers": ["absent"]}, "no model absent__nnUNetPlans__2d"),
        ({"dataset": "778", "trainers": ["nnUNetTrainer"]}, "There is no dataset 778"),
    ],
)
def test_what_is_wrong_is_said(nnunet, arguments, message):
    with pytest.raises(InputError, match=message):
        specified(**arguments)
