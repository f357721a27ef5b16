"""The report's part on trust: which cases to look at first, with maps of where an ensemble is in doubt."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import SimpleITK as sitk  # noqa: N813
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from nnunetv2_cipa.errors import InputError

from .pictures import data_url
from .trust_plots import reliability_diagram, risk_coverage_plot

MOST_MAPS = 12
"""Cases whose maps are in the page: those to be looked at first."""


@dataclass(frozen=True)
class TrustedRow:
    """A case as the list shows it.

    Attributes:
        case: Its identifier.
        score: Trust, 0 to 1.
        entropy: In bits; None where no member has seen anything.
        dice: Mean over the labels; None without a reference.
    """

    case: str
    score: float
    entropy: float | None
    dice: float | None


@dataclass(frozen=True)
class MapPicture:
    """A map of one case.

    Attributes:
        case: Its identifier.
        image: As data URL.
        slice: Number of the slice that is shown, from 1; None where the case is one slice.
    """

    case: str
    image: str
    slice: int | None


@dataclass(frozen=True)
class TrustSection:
    """What the part shows.

    Attributes:
        members: Number of the ensemble's members.
        rows: All cases, the least trusted first.
        maps: Of the first ones.
        highest: The highest entropy that there can be, in bits; it is the brightest colour.
        plots: Risk over coverage and reliability, with what they say; none without references.
    """

    members: int
    rows: Sequence[TrustedRow]
    maps: Sequence[MapPicture]
    highest: float
    plots: Sequence[tuple[str, str, Markup]]


def trust_section(folder: Path) -> TrustSection:
    """Read what `nnUNetv2_cipa trust` has written.

    Raises:
        InputError: the folder has no such files, or maps are missing.
    """
    file = folder / "trust.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        rows = [
            TrustedRow(one["case"], one["score"], one["entropy_bits"], one.get("mean_dice")) for one in content["cases"]
        ]
        plots = _plots(content) if "risk_coverage" in content else []
        members, highest = len(content["members"]), float(content["highest_entropy_bits"])
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}. Is {folder} what trust -o named?") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} was not written by nnUNetv2_cipa trust. Run that again.") from error
    maps = [_map_picture(folder / "maps", row.case, highest) for row in rows[:MOST_MAPS]]
    return TrustSection(members, rows, maps, highest, plots)


def _plots(content: Mapping[str, Any]) -> list[tuple[str, str, Markup]]:
    curve, calibration = content["risk_coverage"], content["calibration"]["foreground_from_1_percent"]
    error = calibration["expected_calibration_error"]
    return [
        (
            "Risk and coverage",
            "Mean of 1 - Dice where only the most trusted share of the cases is taken as predicted. Area "
            f"{curve['area']:.4f}; a score that knows the errors {curve['optimal_area']:.4f}, one without meaning "
            f"{curve['random_area']:.4f}.",
            risk_coverage_plot(curve["coverage"], curve["risk"], curve["optimal"]),
        ),
        (
            "Reliability",
            "Share of pixels that are foreground, by their probability, where that is at least 1 %. "
            + ("" if error is None else f"Expected calibration error {100 * error:.2f} %."),
            reliability_diagram(calibration["bins"]),
        ),
    ]


def _map_picture(folder: Path, case: str, highest: float) -> MapPicture:
    """The map of one case; of a volume its slice with the most entropy."""
    flat, volume = folder / f"{case}.png", folder / f"{case}.nii.gz"
    try:
        if flat.is_file():
            return MapPicture(case, _coloured(np.asarray(Image.open(flat), dtype=np.float32) / 255), None)
        values = sitk.GetArrayFromImage(sitk.ReadImage(str(volume)))
    except (OSError, RuntimeError) as error:
        raise InputError(f"{folder} has no map of {case} that can be read. Run nnUNetv2_cipa trust again.") from error
    if values.ndim == 2:
        return MapPicture(case, _coloured(values / highest), None)
    most = int(values.sum(axis=(1, 2)).argmax())
    return MapPicture(case, _coloured(values[most] / highest), most + 1)


def _coloured(share: NDArray[np.floating]) -> str:
    """Entropy as share of the highest possible, in colours, brighter where it is higher."""
    colours = mpl.colormaps["inferno"](np.clip(share, 0, 1))[..., :3]
    return data_url(np.rint(255 * colours).astype(np.uint8))
