"""What follows from the models' evaluations: each model's figures, and each pair's differences."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
from tqdm import tqdm

from nnunetv2_cipa.evaluation import Evaluation, Measure
from nnunetv2_cipa.evaluation.measures import LEVELS
from nnunetv2_cipa.evaluation.overlap import Numbers

from .comparison import ComparedModel, Comparison, Findings, PairedDifference
from .free_response_intervals import free_response_figures
from .statistics import Interval, Settings, bootstrap_interval, holm, mean_interval, paired_test


def with_findings(comparison: Comparison) -> Comparison:
    """The comparison with all that follows from its models' evaluations, of all labels together and of each."""
    models, settings = comparison.models, comparison.settings
    found = findings(models, settings)
    per_label = {
        name: findings([model.of_label(name) for model in models], settings) for name in models[0].evaluation.per_label
    }
    return replace(comparison, **vars(found), per_label=per_label)


def findings(models: Sequence[ComparedModel], settings: Settings) -> Findings:
    """All that follows from evaluations of models."""
    return Findings(*summarize(models, settings), free_response_figures(models, settings))


def regrouped(comparison: Comparison, patients: Mapping[str, str], file: Path) -> Comparison:
    """The comparison with other patients.

    Args:
        comparison: Of the same cases.
        patients: Patient of each case.
        file: That names them.
    """

    def regroup(evaluation: Evaluation) -> Evaluation:
        cases = tuple(replace(case, patient=patients[case.identifier]) for case in evaluation.cases)
        per_label = {name: regroup(of_label) for name, of_label in evaluation.per_label.items()}
        return replace(evaluation, cases=cases, per_label=per_label)

    models = tuple(
        replace(model, runs=tuple(replace(run, evaluation=regroup(run.evaluation)) for run in model.runs))
        for model in comparison.models
    )
    return with_findings(replace(comparison, models=models, patients_file=str(file)))


def summarize(
    models: Sequence[ComparedModel], settings: Settings
) -> tuple[dict[str, dict[str, Interval]], tuple[PairedDifference, ...]]:
    """Compute each measure's figure of each model, by their names, and the differences of each pair of models.

    Several runs of a model are averaged before patients are drawn. p-values are corrected for the number of pairs, each
    measure by itself.
    """
    pairs = list(combinations(models, 2))
    means: dict[str, dict[str, Interval]] = {model.name: {} for model in models}
    differences: list[PairedDifference] = []
    for measure in tqdm(models[0].evaluation.measures(*LEVELS), desc="compare"):
        for model in models:
            means[model.name][measure.name] = _figure(model, measure, settings)
        differences += _corrected([_difference(*pair, measure, settings) for pair in pairs])
    return means, tuple(differences)


def _figure(model: ComparedModel, measure: Measure, settings: Settings) -> Interval:
    if measure.level == "patient":
        return mean_interval(_values(model, measure), settings)
    columns = _defined(_columns(model, measure))
    return bootstrap_interval(columns, lambda *drawn: _over_runs(measure, drawn), settings, defined=columns[0].size)


def _difference(first: ComparedModel, second: ComparedModel, measure: Measure, settings: Settings) -> PairedDifference:
    names = first.name, second.name, measure.name
    if measure.level != "patient":
        return PairedDifference(*names, _difference_of_figures(first, second, measure, settings), None)
    one, other = _values(first, measure), _values(second, measure)
    test = paired_test(measure.compared(one), measure.compared(other), higher_is_better=measure.best == "highest")
    if measure.best != "zero":
        return PairedDifference(*names, mean_interval(one - other, settings), test)

    def statistic(*drawn: Numbers) -> Numbers:
        ours, theirs = (measure.compared(np.mean(values, axis=-1)) for values in drawn)
        return ours - theirs

    columns = _defined([one, other])
    return PairedDifference(*names, bootstrap_interval(columns, statistic, settings, defined=columns[0].size), test)


def _difference_of_figures(
    first: ComparedModel, second: ComparedModel, measure: Measure, settings: Settings
) -> Interval:
    ours, theirs = _columns(first, measure), _columns(second, measure)

    def statistic(*drawn: Numbers) -> Numbers:
        figures = _over_runs(measure, drawn[: len(ours)]), _over_runs(measure, drawn[len(ours) :])
        return measure.compared(figures[0]) - measure.compared(figures[1])

    columns = _defined([*ours, *theirs])
    return bootstrap_interval(columns, statistic, settings, defined=columns[0].size)


def _columns(model: ComparedModel, measure: Measure) -> list[Numbers]:
    """What the measure is made of, of one run after the other."""
    return [column for run in model.runs for column in measure.columns(run.evaluation.patients)]


def _over_runs(measure: Measure, columns: Sequence[Numbers]) -> Numbers:
    """The mean over a model's runs of the measure's figure."""
    each = len(measure.needs)
    figures = [measure.figure(columns[start : start + each]) for start in range(0, len(columns), each)]
    return np.asarray(np.mean(figures, axis=0))


def _defined(columns: Sequence[Numbers]) -> list[Numbers]:
    """The columns of those patients for whom all of them are defined."""
    table = np.array(columns)
    return list(table[:, ~np.isnan(table).any(axis=0)])


def _corrected(pairs: list[PairedDifference]) -> list[PairedDifference]:
    p_values = holm([math.nan if pair.test is None else pair.test.p_value for pair in pairs])
    return [
        pair if pair.test is None else replace(pair, test=replace(pair.test, p_holm=p_value))
        for pair, p_value in zip(pairs, p_values, strict=True)
    ]


def _values(model: ComparedModel, measure: Measure) -> Numbers:
    return np.array(list(model.patient_values(measure).values()))
