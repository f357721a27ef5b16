"""Figures and differences, against the evaluation's own, on counts made up."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnunetv2_cipa.comparison import Settings
from nnunetv2_cipa.comparison.figures import summarize
from nnunetv2_cipa.comparison.statistics import holm, paired_test
from nnunetv2_cipa.evaluation import MEASURES, Measure
from nnunetv2_cipa.evaluation.cases import Volumes
from nnunetv2_cipa.evaluation.measures import LEVELS

FEW = Settings(resamples=49)
COUNTS = st.tuples(*[st.integers(0, 9)] * 3, st.integers(1, 99), st.floats(0, 20))
CASES = st.dictionaries(st.sampled_from([f"{patient}_{number}" for patient in "abc" for number in "12"]), COUNTS)


@settings(max_examples=15)
@given(CASES.filter(bool))
def test_figures_of_one_run_are_those_of_its_evaluation(evaluation, model, cases):
    evaluated = evaluation(**cases)
    means, differences = summarize([model("only", evaluated)], FEW)
    for measure in evaluated.measures(*LEVELS):
        assert means["only"][measure.name].value == pytest.approx(evaluated.figure(measure), nan_ok=True)
    assert differences == ()


def test_pooled_figures_have_intervals_over_patients(evaluation, model):
    """Of two patients there are three samples: either one alone, and both."""
    evaluated = evaluation(a_1=(9, 1, 0, 90), a_2=(7, 0, 3, 90), b_1=(1, 3, 4, 92))
    means, _ = summarize([model("only", evaluated)], Settings(resamples=999))
    interval = means["only"]["pooled_dice"]
    a, b = 2 * 16 / (2 * 16 + 1 + 3), 2 * 1 / (2 * 1 + 3 + 4)
    assert interval.value == pytest.approx(2 * 17 / (2 * 17 + 4 + 7))
    assert (interval.low, interval.high) == pytest.approx((b, a))
    assert interval.defined == 2


def test_runs_are_averaged(evaluation, model):
    one, other = evaluation(a_1=(8, 2, 0, 90), b_1=(5, 5, 0, 90)), evaluation(a_1=(4, 4, 2, 90), b_1=(5, 0, 0, 95))
    means, _ = summarize([model("both", one, other)], FEW)
    for name in ("pooled_dice", "pooled_iou", "pooled_balanced_accuracy", "pooled_hausdorff95", "dice", "precision"):
        expected = np.mean([run.figure(MEASURES[name]) for run in (one, other)])
        assert means["both"][name].value == pytest.approx(expected), name


def test_a_run_without_a_value_leaves_it_to_the_others(evaluation, model):
    nothing = evaluation(a_1=(0, 0, 9, 91, math.nan), b_1=(5, 0, 0, 95, 2.0))
    something = evaluation(a_1=(9, 9, 0, 82, 6.0), b_1=(5, 0, 0, 95, 4.0))
    means, _ = summarize([model("both", nothing, something)], FEW)
    assert means["both"]["precision"].value == pytest.approx((0.5 + 1) / 2)
    assert means["both"]["hausdorff95"].value == pytest.approx((6 + 3) / 2)
    assert means["both"]["hausdorff95"].defined == 2


def test_differences_are_of_the_same_patients(evaluation, model):
    first = evaluation(a_1=(9, 1, 1, 89, 1.0), b_1=(0, 0, 9, 91, math.nan), c_1=(5, 0, 0, 95, 3.0))
    second = evaluation(a_1=(8, 2, 2, 88, 5.0), b_1=(9, 0, 0, 91, 9.0), c_1=(5, 1, 0, 94, 3.0))
    _, differences = summarize([model("first", first), model("second", second)], FEW)
    found = {difference.measure: difference for difference in differences}
    assert {(d.first, d.second) for d in differences} == {("first", "second")}
    assert found.keys() == {measure.name for measure in first.measures(*LEVELS)}
    assert found["hausdorff95"].difference.value == pytest.approx(((1 - 5) + (3 - 3)) / 2)
    assert found["hausdorff95"].difference.defined == 2
    test = found["hausdorff95"].test
    assert (test.wins, test.losses, test.ties) == (1, 0, 1)
    pooled = MEASURES["pooled_dice"]
    assert found["pooled_dice"].difference.value == pytest.approx(first.figure(pooled) - second.figure(pooled))
    assert found["pooled_dice"].test is None


def test_equal_models_do_not_differ(two_of_two, model):
    _, differences = summarize([model("one", two_of_two), model("same", two_of_two)], FEW)
    for difference in differences:
        interval = difference.difference
        assert interval.value == 0 or math.isnan(interval.value)
        assert (interval.low, interval.high) == (0, 0) or math.isnan(interval.low)
        assert difference.test is None or math.isnan(difference.test.p_holm)


def test_each_measure_is_corrected_for_its_pairs(evaluation, model):
    random = np.random.default_rng(0)
    models = [
        model(name, evaluation(**{f"{p}_1": (*random.integers(1, 9, size=3), 50) for p in "abcdefg"}))
        for name in ("x", "y", "z")
    ]
    _, differences = summarize(models, FEW)
    of_dice = [difference for difference in differences if difference.measure == "dice"]
    assert [(d.first, d.second) for d in of_dice] == [("x", "y"), ("x", "z"), ("y", "z")]
    dice = {one.name: [patient.overlap.dice for patient in one.evaluation.patients] for one in models}
    p_values = [paired_test(dice[d.first], dice[d.second], higher_is_better=True).p_value for d in of_dice]
    assert [difference.test.p_value for difference in of_dice] == p_values
    assert [difference.test.p_holm for difference in of_dice] == holm(p_values)


@pytest.fixture
def biased(evaluation, model, monkeypatch):
    """Two models of four patients whose volumes are off by known amounts, and measures of that which are best at 0."""
    volumes = ("volumes.reference", "volumes.prediction")
    for measure in (
        Measure("bias", "Bias", volumes, lambda true, found: found - true, "volume", "zero"),
        Measure(
            "limit", "Limit", volumes, lambda true, found: (found - true).max(axis=-1), "volume", "zero", "agreement"
        ),
    ):
        monkeypatch.setitem(MEASURES, measure.name, measure)

    def of(name, *errors):
        plain = evaluation(**{f"{patient}_1": (1, 1, 1, 9) for patient in "abcd"})
        cases = zip(plain.cases, errors, strict=True)
        return model(name, replace(plain, cases=tuple(_with_volumes(case, error) for case, error in cases)))

    return of("low", -3.0, -1.0, -2.0, -2.0), of("high", 4.0, 0.0, 5.0, 3.0)


def _with_volumes(case, error):
    return replace(case, volumes=Volumes(reference=10.0, prediction=10.0 + error))


def test_where_zero_is_best_distances_from_it_are_compared(biased):
    means, differences = summarize(biased, Settings(resamples=999))
    assert (means["low"]["bias"].value, means["high"]["bias"].value) == (-2, 3)
    found = {difference.measure: difference for difference in differences}
    assert found["bias"].difference.value == 2 - 3
    test = found["bias"].test
    assert (test.wins, test.ties, test.losses) == (3, 0, 1)


def test_an_agreement_takes_all_patients_together(biased):
    means, differences = summarize(biased, Settings(resamples=999))
    assert (means["low"]["limit"].value, means["high"]["limit"].value) == (-1, 5)
    assert means["high"]["limit"].low >= 0
    assert means["high"]["limit"].defined == 4
    (found,) = (difference for difference in differences if difference.measure == "limit")
    assert found.difference.value == 1 - 5
    assert found.test is None


def test_an_agreement_leaves_out_patients_without_a_value(biased):
    low, _ = biased
    (run,) = low.runs
    first, *others = run.evaluation.cases
    undefined = replace(first, volumes=replace(first.volumes, prediction=math.nan))
    partly = replace(low, runs=(replace(run, evaluation=replace(run.evaluation, cases=(undefined, *others))),))
    means, _ = summarize([partly], FEW)
    assert (means["low"]["limit"].value, means["low"]["limit"].defined) == (-1, 3)
