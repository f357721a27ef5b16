"""All tables of a comparison, in the order of a page, and what was compared with what."""

from dataclasses import replace
from itertools import combinations

from nnunetv2_cipa.evaluation.evaluation import remark_on_patients

from .comparison import Comparison
from .difference_tables import pair_table
from .figure_tables import figure_table, free_response_table, lesion_table, run_table
from .model_tables import costs_table, published_table, training_table
from .table import Table


def tables(comparison: Comparison) -> list[Table]:
    """All of them, those that would be empty left out: of all labels together, then of each by itself."""
    pooled, *others = _of_evaluations(comparison)
    of_labels = [
        replace(table, title=f"{name}: {table.title}")
        for name, of_label in comparison.of_labels().items()
        for table in _of_evaluations(of_label)
    ]
    models = comparison.models
    all_tables = [
        pooled,
        published_table(comparison.published),
        *others,
        *of_labels,
        costs_table(models),
        training_table(models),
    ]
    return [table for table in all_tables if table.rows]


def _of_evaluations(comparison: Comparison) -> list[Table]:
    return [
        figure_table(comparison, "pooled"),
        figure_table(comparison, "patient"),
        figure_table(comparison, "agreement"),
        *(pair_table(comparison, *pair) for pair in combinations(comparison.models, 2)),
        lesion_table(comparison),
        free_response_table(comparison),
        run_table(comparison),
    ]


def description(comparison: Comparison) -> list[str]:
    """What was compared with what, a sentence each."""
    evaluation, settings = comparison.models[0].evaluation, comparison.settings
    cases, patients = len(evaluation.cases), len(evaluation.patients)
    return [
        f"{cases} cases of {patients} patients, foreground {list(comparison.labels)}.",
        *(f"{name} by itself: foreground {list(of_label.labels)}." for name, of_label in evaluation.per_label.items()),
        patients_sentence(comparison),
        f"References: {comparison.reference}.",
        *(f"{model.name}: {run.source}." for model in comparison.models for run in model.runs),
        f"Brackets hold {100 * settings.confidence:.0f} % confidence intervals: BCa bootstrap, {settings.resamples:,} "
        f"samples of patients, seed {settings.seed}.",
        f"Made on {comparison.created}.",
    ]


def patients_sentence(comparison: Comparison) -> str:
    """Where the patients come from, and what is doubtful about that."""
    if comparison.patients_file is not None:
        return f"Patients: {comparison.patients_file}."
    return remark_on_patients(comparison.models[0].evaluation, None)
