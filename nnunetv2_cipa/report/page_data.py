"""What the page's scripts know of models, measures and cases, as JSON that is safe in a `<script>` element."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from markupsafe import Markup

from nnunetv2_cipa.comparison import Comparison
from nnunetv2_cipa.evaluation.measures import of_level
from nnunetv2_cipa.evaluation.wording import unit_shown

from .plots import Frame
from .size_classes import SizeClass

_DIGITS = 5


def page_data(comparison: Comparison, classes: Sequence[SizeClass], frame: Frame | None) -> dict[str, Any]:
    """Collect it.

    Args:
        comparison: What is shown.
        classes: Of the cases, by size.
        frame: Where the data are in the plot of sizes.

    Returns:
        `values` has for each measure and each model a list over the cases: the mean over the model's runs, None where
        it is undefined, and fractions from 0 to 1. All lists of `cases` are in the same order.
    """
    evaluation, measures = comparison.models[0].evaluation, of_level("patient")
    class_of = {case: number for number, group in enumerate(classes) for case in group.cases}
    return {
        "models": [model.name for model in comparison.models],
        "measures": [
            {
                "name": measure.name,
                "title": measure.title,
                "unit": unit_shown(measure.unit(evaluation.units)),
                "isFraction": measure.kind == "fraction",
                "best": measure.best,
            }
            for measure in measures
        ],
        "sizeUnit": unit_shown(evaluation.units.volume),
        "classes": [f"{group.title} ({group.range})" if group.range else group.title for group in classes],
        "cases": {
            "identifier": [case.identifier for case in evaluation.cases],
            "patient": [case.patient for case in evaluation.cases],
            "size": [_rounded(case.volumes.reference) for case in evaluation.cases],
            "class": [class_of[number] for number in range(len(evaluation.cases))],
        },
        "values": {
            measure.name: [
                [_rounded(value) for value in model.case_values(measure).values()] for model in comparison.models
            ]
            for measure in measures
        },
        "frame": None if frame is None else asdict(frame),
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
