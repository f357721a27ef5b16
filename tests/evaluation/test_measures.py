"""The registry: what each measure is at each level, and that a new one is one entry."""

import numpy as np
import pytest

from nnunetv2_cipa.evaluation import MEASURES, Evaluation, Measure
from nnunetv2_cipa.evaluation.cases import Units
from nnunetv2_cipa.evaluation.measures import of_level


@pytest.fixture
def evaluation(measured):
    """Ada has two slices, Bob has one."""
    cases = (
        measured("ada_1", [[1, 1, 1, 1, 0, 0]], [[1, 1, 1, 1, 1, 0]]),
        measured("ada_2", [[0, 0, 0, 0, 1, 0]], [[0, 0, 0, 0, 0, 0]]),
        measured("bob_1", [[1, 1, 0, 0, 0, 0]], [[1, 0, 0, 0, 0, 0]]),
    )
    return Evaluation(cases, labels=(1,))


def test_levels_and_names():
    assert all(name == measure.name for name, measure in MEASURES.items())
    assert [measure.name for measure in of_level("pooled")] == [
        "pooled_iou",
        "pooled_dice",
        "pooled_balanced_accuracy",
        "pooled_hausdorff95",
    ]
    assert [measure.name for measure in of_level("patient")][:2] == ["dice", "iou"]


def test_one_formula_serves_cases_patients_and_all_pooled(evaluation):
    dice, pooled = MEASURES["dice"], MEASURES["pooled_dice"]
    assert dice.formula is pooled.formula
    assert dice.of(evaluation.cases[0]) == 8 / 9
    assert dice.of(evaluation.patients[0]) == 8 / 10
    assert evaluation.figure(dice) == pytest.approx((8 / 10 + 2 / 3) / 2)
    assert evaluation.figure(pooled) == pooled.of(evaluation.pooled) == 10 / 13
    assert evaluation.figure(MEASURES["pooled_iou"]) == 5 / 8
    assert evaluation.figure(MEASURES["pooled_balanced_accuracy"]) == pytest.approx((5 / 7 + 10 / 11) / 2)
    assert evaluation.figure(MEASURES["pooled_hausdorff95"]) == pytest.approx(evaluation.pooled.slice_hausdorff95)


def test_figures_of_many_samples_at_once():
    columns = [
        np.array([[1.0, 3.0], [2.0, 2.0]]),
        np.array([[0.0, 2.0], [1.0, 1.0]]),
        np.array([[1.0, 1.0], [0.0, 0.0]]),
    ]
    assert MEASURES["pooled_iou"].figure(columns) == pytest.approx([4 / 8, 4 / 6])
    assert MEASURES["iou"].figure(columns) == pytest.approx([(1 / 2 + 3 / 6) / 2, (2 / 3 + 2 / 3) / 2])


def test_less_loss_is_better():
    values = np.array([-2.0, 1.0])

    def best(direction):
        return int(np.argmin(Measure("x", "X", (), np.mean, best=direction).loss(values)))

    assert [best("highest"), best("lowest"), best("zero")] == [1, 0, 1]
    assert list(Measure("x", "X", (), np.mean, best="zero").compared(values)) == [2, 1]
    assert list(MEASURES["hausdorff95"].compared(values)) == list(values)


def test_units():
    millimetres = Units("mm", "ml")
    assert MEASURES["dice"].unit(millimetres) == ""
    assert MEASURES["hausdorff95"].unit(millimetres) == "mm"
    assert MEASURES["false_positive_volume"].unit(millimetres) == "ml"
    assert MEASURES["pooled_hausdorff95"].unit(millimetres) == "pixels"


def test_a_new_measure_is_one_entry(evaluation, monkeypatch):
    """A bias of each patient, and an agreement over all of them."""
    volumes = ("volumes.reference", "volumes.prediction")
    bias = Measure("volume_bias", "Volume bias", volumes, lambda true, found: found - true, "volume", "zero")
    ratio = Measure(
        "volume_ratio", "Volume ratio", volumes, lambda true, found: found.sum(-1) / true.sum(-1), level="agreement"
    )
    monkeypatch.setitem(MEASURES, "volume_bias", bias)
    monkeypatch.setitem(MEASURES, "volume_ratio", ratio)
    content = evaluation.content()
    assert content["mean_over_patients"]["volume_bias"]["value"] == -0.5
    assert content["agreement_over_patients"] == {"volume_ratio": 6 / 7}
    assert content["cases"][0]["measures"]["volume_bias"] == 1
    assert evaluation.case_rows()[1]["volume_bias_pixels"] == -1
