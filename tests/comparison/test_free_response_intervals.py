"""Free response of models: means over runs, intervals over patients, and what stands in tables and files."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from nnunetv2_cipa.comparison import Settings, read_comparison
from nnunetv2_cipa.comparison.free_response_intervals import free_response_figures
from nnunetv2_cipa.comparison.tables import tables
from nnunetv2_cipa.quantities.free_response import FIGURES, Candidates

FEW = Settings(resamples=999)


def with_candidates(evaluation, **candidates):
    cases = tuple(replace(case, candidates=candidates[case.identifier]) for case in evaluation.cases)
    return replace(evaluation, cases=cases)


def test_figures_are_means_over_runs_with_intervals_over_patients(evaluation, model):
    counts = evaluation(a_1=(1, 1, 0, 9), a_2=(1, 0, 0, 9), b_1=(1, 0, 0, 9))
    scored = with_candidates(
        counts, a_1=Candidates(1, (0.9,), (0.8,)), a_2=Candidates(1, (0.7,)), b_1=Candidates(2, (0.6,), (0.65, 0.6))
    )
    masks = with_candidates(
        counts, a_1=Candidates(1, (1.0,), (1.0,)), a_2=Candidates(1, (1.0,)), b_1=Candidates(2, (1.0,), (1.0,))
    )
    found = free_response_figures([model("both", scored, masks), model("masks", masks)], FEW)
    assert list(found["both"]) == list(FIGURES)
    assert found["masks"]["0.5"].value == 0  # its masks have one false lesion a patient
    assert found["masks"]["1"].value == pytest.approx(3 / 4)
    assert found["both"]["0.5"].value == pytest.approx((2 / 4 + 0) / 2)
    assert found["both"]["2"].value == pytest.approx((3 / 4 + 3 / 4) / 2)
    expected = np.mean([found["both"][name].value for name in FIGURES if name != "mean"])
    assert found["both"]["mean"].value == pytest.approx(expected)
    interval = found["both"]["4"]  # of two patients there are three samples: either one alone, and both
    assert (interval.low, interval.high) == pytest.approx((1 / 2, 1))
    assert interval.defined == 2


def test_without_lesions_there_is_nothing(evaluation, model, comparison):
    empty = with_candidates(evaluation(a_1=(0, 1, 0, 9)), a_1=Candidates(0, (), (1.0,)))
    assert free_response_figures([model("one", empty)], FEW) == {}
    bare = replace(comparison, free_response={})
    assert "Free response" not in [table.title for table in tables(bare)]


def test_table_and_file(comparison, tmp_path):
    table = next(table for table in tables(comparison) if table.title == "Free response")
    assert [row[0].text for row in table.rows] == list(FIGURES)
    ours, theirs = table.rows[-1][1:]
    assert ours.text == f"{100 * comparison.free_response['CIPA']['mean'].value:.2f}"
    assert ours.bold
    assert not theirs.bold
    comparison.to_json(tmp_path / "comparison.json")
    content = json.loads((tmp_path / "comparison.json").read_text())
    mean = content["free_response"]["CIPA"]["mean"]["value"]
    assert mean == comparison.free_response["CIPA"]["mean"].value
    assert not math.isnan(mean)
    assert read_comparison(tmp_path / "comparison.json").free_response.keys() == comparison.free_response.keys()
