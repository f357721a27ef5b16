"""An ensemble's trust as files: which cases to look at first, and where there are references, whether that is right."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nnunetv2_cipa import __version__

from .calibration import Reliability
from .risk_coverage import RiskCoverage, risk_coverage
from .trusted_case import TrustedCase


def least_trusted_first(cases: Sequence[TrustedCase]) -> list[TrustedCase]:
    """The order in which a human should look at the cases; where members agree alike, the less certain ones first."""
    return sorted(cases, key=lambda case: (case.score, -case.entropy if case.entropy == case.entropy else 0.0))


def curve_of(cases: Sequence[TrustedCase]) -> RiskCoverage | None:
    """Risk (1 - Dice, mean over the classes) over coverage by the score; None without references."""
    judged = [case.judged for case in cases]
    risks = [1 - one.mean_dice for one in judged if one is not None]
    return risk_coverage([case.score for case in cases], risks) if risks else None


def content(
    cases: Sequence[TrustedCase], *, members: Sequence[Path], temperature: float, highest_entropy: float
) -> dict[str, Any]:
    """All there is, as JSON has it; undefined values are None."""
    curve = curve_of(cases)
    judged = [case.judged for case in cases if case.judged is not None]
    found: dict[str, Any] = {
        "nnunetv2_cipa": __version__,
        "members": [str(member) for member in members],
        "temperature": temperature,
        "highest_entropy_bits": highest_entropy,
        "cases": [_of_case(case) for case in least_trusted_first(cases)],
    }
    if curve is not None:
        first, *others = (one.reliabilities for one in judged)
        found["calibration"] = {name: _of_bins(bins) for name, bins in sum(others, first).named().items()}
        found["risk_coverage"] = {
            "coverage": curve.coverage.tolist(),
            "risk": curve.risk.tolist(),
            "optimal": curve.optimal.tolist(),
            "area": curve.area,
            "optimal_area": curve.optimal_area,
            "random_area": curve.random_area,
        }
    return found


def rows(cases: Sequence[TrustedCase]) -> list[dict[str, Any]]:
    """A line of the table for each case, the least trusted first; undefined values are None."""
    return [_flat(_of_case(case)) for case in least_trusted_first(cases)]


def _of_case(case: TrustedCase) -> dict[str, Any]:
    row: dict[str, Any] = {
        "case": case.identifier,
        "score": case.score,
        "agreement": dict(case.agreement),
        "entropy_bits": _defined(case.entropy),
        "foreground_pixels": case.foreground_pixels,
    }
    return row if case.judged is None else {**row, "dice": dict(case.judged.dice), "mean_dice": case.judged.mean_dice}


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """A row without dictionaries: their keys are part of its own."""
    flat: dict[str, Any] = {}
    for key, value in row.items():
        flat |= {f"{key}_{name}": part for name, part in value.items()} if isinstance(value, dict) else {key: value}
    return flat


def _of_bins(found: Reliability) -> dict[str, Any]:
    return {
        "expected_calibration_error": _defined(found.expected_calibration_error),
        "bins": [
            {"pixels": int(pixels), "mean_probability": _defined(probability), "foreground": _defined(frequency)}
            for pixels, probability, frequency in zip(
                found.pixels, found.mean_probability.tolist(), found.frequency.tolist(), strict=True
            )
        ],
    }


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value
