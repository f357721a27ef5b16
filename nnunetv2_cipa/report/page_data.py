"""What the page's scripts know of models, measures and cases, as JSON that is safe in a `<script>` element."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from markupsafe import Markup

from nnunetv2_cipa.evaluation.wording import unit_shown, volume_unit_shown

from .views import View

_DIGITS = 5


def page_data(views: Sequence[View]) -> dict[str, Any]:
    """Collect it.

    Args:
        views: Of all labels together, and of each by itself where there are several.

    Returns:
        What is the same in all views, and for each of them `values`, which has for each measure and each model a list
        over the cases: the mean over the model's runs, None where it is undefined, and fractions from 0 to 1. All lists
        over cases are in the same order.
    """
    comparison = views[0].comparison
    evaluation = comparison.models[0].evaluation
    return {
        "models": [model.name for model in comparison.models],
        "measures": [
            {
                "name": measure.name,
                "title": measure.title,
                "unit": unit_shown(measure, evaluation.units),
                "isFraction": measure.kind == "fraction",
                "best": measure.best,
            }
            for measure in comparison.measures("patient")
        ],
        "sizeUnit": volume_unit_shown(evaluation.units.volume),
        "cases": {
            "identifier": [case.identifier for case in evaluation.cases],
            "patient": [case.patient for case in evaluation.cases],
        },
        "views": [_of_view(view) for view in views],
    }


def _of_view(view: View) -> dict[str, Any]:
    cases = view.comparison.models[0].evaluation.cases
    class_of = {case: number for number, group in enumerate(view.classes) for case in group.cases}
    return {
        "size": [_rounded(case.volumes.reference) for case in cases],
        "classes": [f"{group.title} ({group.range})" if group.range else group.title for group in view.classes],
        "class": [class_of[number] for number in range(len(cases))],
        "values": {
            measure.name: [
                [_rounded(value) for value in model.case_values(measure).values()] for model in view.comparison.models
            ]
            for measure in view.comparison.measures("patient")
        },
        "frame": None if view.frame is None else asdict(view.frame),
    }


def script_json(content: Any) -> Markup:  # noqa: ANN401 - whatever JSON can hold
    """JSON without a character that HTML could take for its own, so that no name ends the script."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _rounded(value: float) -> float | None:
    """Five digits: what nobody can see would make the page larger."""
    if math.isnan(value):
        return None
    rounded = float(f"{value:.{_DIGITS}g}")
    return int(rounded) if rounded.is_integer() else rounded
