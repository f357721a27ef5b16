"""`nnUNetv2_cipa apply_postprocessing`: label files of saved probabilities, by a rule from cross-validation."""

import pickle
import shutil
from argparse import ArgumentParser, Namespace
from functools import partial
from pathlib import Path
from typing import Any

from nnunetv2_cipa.arguments import add_processes_argument
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.files import new_folder
from nnunetv2_cipa.nnunet.plans import read_planned_json
from nnunetv2_cipa.nnunet.probabilities import (
    Classes,
    find_probabilities,
    read_classes,
    read_geometry,
    read_probabilities,
)
from nnunetv2_cipa.processes import for_each

from .pixel_sizes import pixel_size
from .rule import Rule, read_rule

_COPIED = ("dataset.json", "plans.json")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "-i", type=Path, required=True, metavar="FOLDER", help="predictions, made with --save_probabilities"
    )
    parser.add_argument("-o", type=Path, required=True, metavar="FOLDER", help="label files")
    parser.add_argument(
        "-pp", type=Path, required=True, metavar="FILE.json", help="what determine_postprocessing has written"
    )
    add_processes_argument(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier result")


def run(arguments: Namespace) -> None:
    """Write the label files, and nnU-Net's copies of dataset.json and plans.json beside them."""
    rule = read_rule(arguments.pp)
    files = find_probabilities(arguments.i)
    classes = read_classes(arguments.i / "dataset.json")
    writer = _writer(arguments.i / "plans.json")
    with new_folder(arguments.o, overwrite=arguments.overwrite) as folder:
        for_each(
            partial(_apply, rule=rule, classes=classes, writer=writer, folder=folder),
            list(files.values()),
            description="apply",
            failure="cases cannot be written",
            num_processes=arguments.np,
        )
        for name in _COPIED:
            shutil.copyfile(arguments.i / name, folder / name)
    print(f"{len(files)} cases: {arguments.o}")


def _writer(plans_file: Path) -> type[Any]:
    """nnU-Net's class that has read the images and so writes their labels."""
    from nnunetv2.imageio.reader_writer_registry import recursive_find_reader_writer_by_name

    name = read_planned_json(plans_file).get("image_reader_writer")
    try:
        writer: type[Any] = recursive_find_reader_writer_by_name(name)
    except (RuntimeError, TypeError) as error:
        raise InputError(f"{plans_file} names no reader that nnU-Net has: {name!r}.") from error
    return writer


def _apply(file: Path, *, rule: Rule, classes: Classes, writer: type[Any], folder: Path) -> None:
    probabilities = read_probabilities(file, classes)
    size, unit = pixel_size(read_geometry(file))
    if unit != rule.unit:
        raise InputError(f"{file} has sizes in {unit}, but the rule was found for {rule.unit}.")
    labels = rule.segmentation(probabilities, classes, size)
    with file.with_suffix(".pkl").open("rb") as stream:
        properties = pickle.load(stream)
    writer().write_seg(labels, str(folder / f"{file.stem}{classes.file_ending}"), properties)
