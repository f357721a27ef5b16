"""The registry: what each measure is at each level, and that a new one is one entry."""

import numpy as np
import pytest

from nnunetv2_cipa.evaluation import MEASURES, Evaluation, Measure
from nnunetv2_cipa.evaluation.cases import Units
from nnunetv2_cipa.evaluation.measures import LEVELS


@pytest.fixture
def evaluation(measured):
    """Ada has two slices, Bob has one."""
    cases = (
        measured("ada_1", [[1, 1, 1, 1, 0, 0]], [[1, 1, 1, 1, 1, 0]]),
        measured("ada_2", [[0, 0, 0, 0, 1, 0]], [[0, 0, 0, 0, 0, 0]]),
        measured("bob_1", [[1, 1, 0, 0, 0, 0]], [[1, 0, 0, 0, 0, 0]]),
    )
    return Evaluation(cases, labels=(1,))


def test_levels_and_names(evaluation):
    assert all(name == measure.name for name, measure in MEASURES.items())
    assert [measure.name for measure in evaluation.measures("pooled")] == [
        "pooled_iou",
        "pooled_dice",
        "pooled_balanced_accuracy",
        "pooled_hausdorff95",
    ]
    assert [measure.name for measure in evaluation.measures("patient")][:2] == ["dice", "iou"]
    assert len(evaluation.measures(*LEVELS)) == len(MEASURES) - 5  # there is no uptake


def test_lesions_matched_one_to_one(measured):
    """One prediction over two lesions: each is touched, but the larger one alone is its partner."""
    case = measured("a", [[1, 1, 1, 0, 1, 0, 1]], [[1, 1, 1, 1, 1, 0, 0]])
    assert MEASURES["lesion_f1"].of(case) == 2 * 2 / (2 * 2 + 1)
    assert MEASURES["matched_lesion_f1"].of(case) == 2 / (2 + 2)
    assert MEASURES["matched_lesion_sensitivity"].of(case) == 1 / 3
    assert MEASURES["false_lesions"].of(measured("a", [[1, 0, 0]], [[0, 0, 1]])) == 1


def test_surface_dice_has_a_tolerance_of_a_pixel_or_of_two_millimetres(measured):
    reference, near, far = np.zeros((3, 12, 12), dtype=bool)
    reference[2:8, 2:8] = near[3:9, 2:8] = far[5:11, 2:8] = True
    surface = MEASURES["surface_dice"]
    assert surface.of(measured("a", reference, near)) == 1
    assert surface.of(measured("a", reference, far)) < 1
    assert surface.of(measured("a", reference, far, (0.5, 0.5))) == 1
    assert surface.of(measured("a", reference, near, (4.0, 4.0))) < 1


def test_volumes_agree_over_patients(evaluation):
    """Ada has 5 pixels, 5 of them predicted, Bob 2, of which 1 is."""
    errors = [0, -1]
    deviation = np.std(errors, ddof=1)
    figures = {name: evaluation.figure(measure) for name, measure in MEASURES.items() if name.startswith("volume")}
    assert figures["volume_bias"] == -0.5
    assert figures["volume_error"] == 0.5
    assert figures["volume_lower_limit"] == pytest.approx(-0.5 - 1.959964 * deviation)
    assert figures["volume_upper_limit"] == pytest.approx(-0.5 + 1.959964 * deviation)
    covariance, variances = 1.5 * 2, 1.5**2 + 2**2
    assert figures["volume_concordance"] == pytest.approx(2 * covariance / (variances + 0.5**2))


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
    bias = Measure("size_bias", "Size bias", volumes, lambda true, found: found - true, "volume", "zero")
    ratio = Measure(
        "size_ratio", "Size ratio", volumes, lambda true, found: found.sum(-1) / true.sum(-1), level="agreement"
    )
    monkeypatch.setitem(MEASURES, "size_bias", bias)
    monkeypatch.setitem(MEASURES, "size_ratio", ratio)
    content = evaluation.content()
    assert content["mean_over_patients"]["size_bias"]["value"] == -0.5
    assert content["agreement_over_patients"]["size_ratio"] == 6 / 7
    assert content["cases"][0]["measures"]["size_bias"] == 1
    assert evaluation.case_rows()[1]["size_bias_pixels"] == -1
