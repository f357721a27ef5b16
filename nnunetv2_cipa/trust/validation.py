"""A cross-validation: each case with the probabilities of models that have not seen it."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nnunetv2_cipa.arguments import add_processes_argument
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.probabilities import find_probabilities, read_classes, validation_folders

from .reference import References, find_references


@dataclass(frozen=True)
class ValidationCase:
    """A case of a cross-validation, predicted by the models of its fold, which have not seen it.

    Attributes:
        fold: In which it is validated.
        case: Its identifier.
        files: Of probabilities, one of each model, which are averaged.
    """

    fold: int
    case: str
    files: tuple[Path, ...]


def add_validation_arguments(parser: ArgumentParser, *, output: str) -> None:
    """Declare what a command takes that finds something in a cross-validation, and where it writes that.

    Args:
        parser: of the command.
        output: what it writes.
    """
    parser.add_argument(
        "-m",
        type=Path,
        nargs="+",
        required=True,
        metavar="FOLDER",
        help="trained model, TRAINER__PLANS__CONFIGURATION; of several the probabilities are averaged",
    )
    parser.add_argument("-ref", type=Path, required=True, metavar="FOLDER", help="label files, labelsTr")
    parser.add_argument("-o", type=Path, required=True, metavar="FILE.json", help=output)
    parser.add_argument("-f", type=int, nargs="+", metavar="FOLD", help="folds (default: all with a validation)")
    add_processes_argument(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier result")


def read_validation(arguments: Namespace) -> tuple[list[ValidationCase], References]:
    """The cases that these arguments name, and their references.

    Raises:
        InputError: the output is no .json, or something is missing.
    """
    if arguments.o.suffix != ".json":
        raise InputError(f"-o {arguments.o} must end with .json.")
    cases = find_validation(arguments.m, arguments.f)
    classes = read_classes(arguments.m[0] / "dataset.json")
    return cases, find_references(arguments.ref, [one.case for one in cases], classes)


def find_validation(models: Sequence[Path], folds: Sequence[int] | None = None) -> list[ValidationCase]:
    """All cases of a cross-validation, of one model or of several together, that have probabilities.

    Raises:
        InputError: folds or their probabilities are missing, or models have other cases.
    """
    first, *others = (
        {
            (fold, case): file
            for fold, folder in validation_folders(model, folds).items()
            for case, file in find_probabilities(folder).items()
        }
        for model in models
    )
    for model, found in zip(models[1:], others, strict=True):
        if different := sorted(first.keys() ^ found.keys()):
            listed = ", ".join(f"{case} of fold {fold}" for fold, case in different[:5])
            raise InputError(f"{models[0]} and {model} have not validated the same cases: {listed}.")
    return [ValidationCase(*key, (file, *(found[key] for found in others))) for key, file in first.items()]
