"""What the page shows of all labels together, and of each by itself."""

from dataclasses import replace

import pytest

from nnunetv2_cipa.comparison.figures import findings
from nnunetv2_cipa.quantities.free_response import Candidates
from nnunetv2_cipa.report.views import make_views

pytestmark = pytest.mark.usefixtures("undrawn")


def test_one_label_is_one_view(comparison):
    (view,) = make_views(comparison)
    assert view.comparison is comparison
    assert [table.title for table in view.figures] == [
        "Means over patients",
        "PCLT20K protocol",
        "Agreement over patients",
        "Lesions by size",
        "Free response",
    ]
    assert view.frame is not None
    assert view.free_response_plot is not None


def test_several_labels_are_a_view_each_after_that_of_all(two_labels):
    views = make_views(two_labels)
    assert [(view.title, view.comparison.labels) for view in views] == [
        ("all labels", (1, 2)),
        ("GTVp", (1,)),
        ("GTVn", (2,)),
    ]
    assert views[2].differences[0].rows[0][0].pair == two_labels.of_labels()["GTVn"].difference("A", "B", "dice")


def test_where_no_reference_has_a_tumour_there_are_no_plots_by_size(comparison):
    models = tuple(
        replace(model, runs=tuple(replace(run, evaluation=_without_tumour(run.evaluation)) for run in model.runs))
        for model in comparison.models
    )
    found = findings(models, comparison.settings)
    (view,) = make_views(replace(comparison, models=models, **vars(found)))
    assert (view.sizes_plot, view.scatter_plot, view.frame, view.free_response_plot) == (None, None, None, None)
    assert [group.title for group in view.classes] == ["no tumour"]


def _without_tumour(evaluation):
    cases = (
        replace(
            case,
            overlap=replace(case.overlap, true_positives=0, false_negatives=0),
            volumes=replace(case.volumes, reference=0.0),
            candidates=Candidates(),
        )
        for case in evaluation.cases
    )
    return replace(evaluation, cases=tuple(cases))
