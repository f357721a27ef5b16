"""What the page shows of one choice of labels: all of them together, or one by itself."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from nnunetv2_cipa.comparison import ComparedModel, Comparison
from nnunetv2_cipa.comparison.figure_tables import figure_table, free_response_table, lesion_table, run_table
from nnunetv2_cipa.comparison.table import Table
from nnunetv2_cipa.evaluation import Measure
from nnunetv2_cipa.evaluation.evaluation import UNION
from nnunetv2_cipa.evaluation.measures import Level
from nnunetv2_cipa.evaluation.overlap import Numbers
from nnunetv2_cipa.evaluation.wording import unit_shown, volume_unit_shown

from . import plots
from .differences import MAIN_MEASURE, DifferenceTable, difference_tables, headlines
from .drawing import Frame
from .free_response_plot import free_response_plot
from .size_classes import SizeClass, size_classes

_LEVELS: tuple[Level, ...] = ("patient", "pooled", "agreement")


@dataclass(frozen=True)
class View:
    """A choice of labels.

    Attributes:
        title: Of the choice.
        comparison: Of it.
        headlines: Sentences.
        figures: Tables of the models' figures.
        differences: Tables of differences.
        classes: Of the cases, by size.
        patients_plot: A line for each patient.
        sizes_plot: Boxes by size; None where no case has a tumour.
        scatter_plot: A dot for each case and model; None where no case has a tumour.
        frame: Where the data are in it.
        agreement_plots: Of the volume, and of the TLG where PET in SUV is known, by their titles.
        free_response_plot: Lesions found over false ones; None where no reference has a lesion.
    """

    title: str
    comparison: Comparison
    headlines: list[str]
    figures: list[Table]
    differences: list[DifferenceTable]
    classes: list[SizeClass]
    patients_plot: Markup
    sizes_plot: Markup | None
    scatter_plot: Markup | None
    frame: Frame | None
    agreement_plots: dict[str, Markup]
    free_response_plot: Markup | None


def make_views(comparison: Comparison) -> list[View]:
    """All labels together first, then each by itself where there are several."""
    chosen = {UNION: comparison, **comparison.of_labels()}
    return [_view(title, of_labels, number) for number, (title, of_labels) in enumerate(chosen.items())]


def _view(title: str, comparison: Comparison, number: int) -> View:
    models, evaluation = comparison.models, comparison.models[0].evaluation
    names = [model.name for model in models]
    used = evaluation.units
    unit = volume_unit_shown(used.volume)
    sizes = [case.volumes.reference for case in evaluation.cases]
    classes = size_classes(sizes, unit)
    with_tumour = [group for group in classes if group.has_tumour]
    of_cases = [list(model.case_values(MAIN_MEASURE).values()) for model in models]
    of_patients = [list(model.patient_values(MAIN_MEASURE).values()) for model in models]
    measure = MAIN_MEASURE.title
    lesions = (lesion_table(comparison), free_response_table(comparison))
    tables = [*(figure_table(comparison, level) for level in _LEVELS), *lesions, run_table(comparison)]
    curves = [[curve for run in m.runs if (curve := run.evaluation.free_response) is not None] for m in models]
    boxes, scatter, frame = None, None, None
    if with_tumour:
        boxes = plots.size_boxes(f"sizes-{number}", names, of_cases, with_tumour, measure)
        scatter, frame = plots.size_scatter(f"scatter-{number}", names, of_cases, sizes, unit, measure)
    return View(
        title=title,
        comparison=comparison,
        headlines=headlines(comparison),
        figures=[table for table in tables if table.rows],
        differences=difference_tables(comparison),
        classes=classes,
        patients_plot=plots.patient_lines(f"patients-{number}", names, of_patients, measure),
        sizes_plot=boxes,
        scatter_plot=scatter,
        frame=frame,
        agreement_plots={
            title: plots.agreement_plot(f"{name}-{number}", names, _pairs(models, bias), title, unit_shown(bias, used))
            for title, name in (("Volume", "volume"), ("TLG", "tlg"))
            for bias in comparison.measures("patient")
            if bias.name == f"{name}_bias"
        },
        free_response_plot=free_response_plot(f"freeresponse-{number}", names, curves) if any(curves) else None,
    )


def _pairs(models: Sequence[ComparedModel], measure: Measure) -> list[tuple[Numbers, Numbers]]:
    """What a bias is made of, for each patient of each model: means over its runs."""
    of_runs = [[measure.columns(run.evaluation.patients) for run in model.runs] for model in models]
    means = [np.mean(columns, axis=0) for columns in of_runs]
    return [(reference, prediction) for reference, prediction in means]
