"""`nnUNetv2_cipa quantify`: uptake, volume and glycolysis of the lesions in masks, as JSON and CSV."""

import csv
import json
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa.arguments import add_processes_argument
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.files import new_file, new_folder
from nnunetv2_cipa.processes import for_each

from .input_volumes import check_mask, read_volume
from .mask_resampling import doubts
from .pet_pairs import PetPair, find_pet_pairs
from .uptake import Quantities, quantify, quantities_of

ALL_LABELS = "all"
CASES_FILE, LESIONS_FILE = "quantities.csv", "lesions.csv"


@dataclass(frozen=True)
class QuantifiedCase:
    """Quantities of one case.

    Attributes:
        case: Its identifier.
        union: Of all foreground labels together.
        labels: Of each of them that the mask has.
        doubts: What a reader should know about the mask.
    """

    case: str
    union: Quantities
    labels: Mapping[int, Quantities]
    doubts: Sequence[str]

    def content(self, labels: Sequence[int]) -> dict[str, Any]:
        """As JSON has it; where there are several labels, they are listed beside their union."""
        return {**self.union, **({"labels": self.parts(labels)} if len(labels) > 1 else {})}

    def parts(self, labels: Sequence[int]) -> dict[str, Any]:
        """Lesions and totals of each label; one that the mask does not have has no lesions."""
        return {
            str(label): {key: found[key] for key in ("lesions", "total")}
            for label in labels
            for found in (self.labels.get(label, quantities_of([])),)
        }


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("-pet", type=Path, required=True, metavar="FILE or FOLDER", help="PET volume in SUV, or many")
    parser.add_argument("-seg", type=Path, required=True, metavar="FILE or FOLDER", help="mask of the lesions, or many")
    parser.add_argument(
        "-o",
        type=Path,
        required=True,
        metavar="FILE.json or FOLDER",
        help=f"result; a folder gets CASE.json of each case, {CASES_FILE} and {LESIONS_FILE}",
    )
    parser.add_argument(
        "-l", type=int, nargs="+", metavar="LABEL", help="labels that are lesions (default: all in the masks)"
    )
    add_processes_argument(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier result")


def run(arguments: Namespace) -> None:
    """Quantify one case or all of a folder, and say where the results are."""
    output: Path = arguments.o
    if arguments.l is not None and min(arguments.l) < 1:
        raise InputError(f"-l {' '.join(map(str, arguments.l))}: labels of lesions are 1 or more.")
    if arguments.seg.is_dir() != arguments.pet.is_dir():
        raise InputError(f"-pet {arguments.pet} and -seg {arguments.seg} must both be files, or both folders.")
    measure = partial(quantify_case, labels=arguments.l)
    if arguments.seg.is_dir():
        if output.suffix in (".json", ".csv"):
            raise InputError(f"-o {output}: the results of a folder need a folder.")
        pairs = find_pet_pairs(arguments.pet, arguments.seg)
        with new_folder(output, overwrite=arguments.overwrite) as folder:  # an existing one is refused now, not later
            cases = for_each(
                measure,
                pairs,
                description="quantify",
                failure="cases cannot be quantified",
                num_processes=arguments.np,
            )
            write_folder(folder, cases)
        print(f"{len(cases)} cases: {output}")
    else:
        if output.suffix != ".json":
            raise InputError(f"-o {output} must end with .json.")
        with new_file(output, overwrite=arguments.overwrite) as file:
            cases = [measure(PetPair(arguments.seg.name, arguments.pet, arguments.seg))]
            _write_json(file, cases[0].content(sorted(cases[0].labels)))
        total = cases[0].union["total"]
        print(f"{total['lesions']} lesions, MTV {total['MTV_ml']:.2f} ml, TLG {total['TLG']:.2f} g: {output}")
    for case in cases:
        for doubt in case.doubts:
            print(f"{case.case}: {doubt}.")


def quantify_case(pair: PetPair, labels: Sequence[int] | None = None) -> QuantifiedCase:
    """Quantify all labels of a mask together, and each.

    Args:
        pair: The files.
        labels: Labels that are lesions; by default all of the mask.

    Raises:
        InputError: as for `quantify`; the message names the files.
    """
    pet, mask = read_volume(pair.pet), read_volume(pair.mask)
    try:
        mask = check_mask(mask)
        values = sitk.GetArrayFromImage(mask)
        found = [int(value) for value in np.unique(values) if value and (labels is None or value in labels)]
        foreground = _only(mask, found)
        union = quantify(pet, foreground)
        parts = {label: quantify(pet, _only(mask, [label])) for label in found} if len(found) > 1 else {}
        return QuantifiedCase(pair.case, union, parts or dict.fromkeys(found, union), doubts(pet, foreground))
    except InputError as error:
        raise InputError(f"{pair.pet} and {pair.mask}: {error}") from error


def write_folder(folder: Path, cases: Sequence[QuantifiedCase]) -> None:
    """Write CASE.json of each case, and tables of all cases and of all lesions."""
    labels = sorted({label for case in cases for label in case.labels})
    totals, lesions = [], []
    for case in cases:
        _write_json(folder / f"{case.case}.json", case.content(labels))
        parts = case.parts(labels) if len(labels) > 1 else {}
        for label, found in {ALL_LABELS: case.union, **parts}.items():
            totals.append({"case": case.case, "label": label, **found["total"]})
            if label != ALL_LABELS or not parts:
                lesions += [
                    _lesion_row(case.case, label, number, one) for number, one in enumerate(found["lesions"], 1)
                ]
    _write_csv(folder / CASES_FILE, totals, ("case", "label", *quantities_of([])["total"]))
    _write_csv(folder / LESIONS_FILE, lesions, _LESION_COLUMNS)


_COORDINATES = ("centroid_x_mm", "centroid_y_mm", "centroid_z_mm")
_LESION_COLUMNS = ("case", "label", "lesion", "SUVmax", "SUVmean", "SUVpeak", "MTV_ml", "TLG", *_COORDINATES)


def _lesion_row(case: str, label: str, number: int, lesion: Mapping[str, Any]) -> dict[str, Any]:
    single = {name: value for name, value in lesion.items() if name != "centroid_mm"}
    coordinates = dict(zip(_COORDINATES, lesion["centroid_mm"], strict=True))
    return {"case": case, "label": label, "lesion": number, **single, **coordinates}


def _only(mask: sitk.Image, labels: Sequence[int]) -> sitk.Image:
    """A mask of these labels alone."""
    chosen = sitk.GetImageFromArray(np.isin(sitk.GetArrayViewFromImage(mask), labels).astype(np.uint8))
    chosen.CopyInformation(mask)
    return chosen


def _write_json(file: Path, content: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _write_csv(file: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write a table; what is None is an empty field."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows(rows)
