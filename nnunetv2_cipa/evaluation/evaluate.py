"""`nnUNetv2_cipa evaluate`: predictions against references, as a table, as JSON and as CSV."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from nnunetv2_cipa.arguments import add_patients_argument, add_processes_argument
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.files import new_file
from nnunetv2_cipa.nnunet.patients import find_patients, read_patients
from nnunetv2_cipa.quantities.free_response import FIGURES, FreeResponse

from .evaluation import Evaluation, remark_on_patients
from .measures import MEASURES
from .parallel_evaluation import evaluate_folders
from .wording import amount, heading, shown


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("-ref", type=Path, required=True, metavar="FOLDER", help="label files, such as labelsTs")
    parser.add_argument("-pred", type=Path, required=True, metavar="FOLDER", help="predictions of the same names")
    parser.add_argument(
        "-o",
        type=Path,
        metavar="FILE.json",
        help="result; the table of cases is put beside it, as .csv (default: evaluation.json among the predictions)",
    )
    add_reading_arguments(parser)
    parser.add_argument("--chill", action="store_true", help="leave out references that have no prediction")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier result")


def add_reading_arguments(parser: ArgumentParser) -> None:
    """Declare how label files are read, and whose they are."""
    add_processes_argument(parser)
    parser.add_argument(
        "-l",
        type=int,
        nargs="+",
        metavar="LABEL",
        help="label values that together are the foreground (default: all of the dataset's, and where there are "
        "several, each by itself too; without dataset.json 1)",
    )
    parser.add_argument(
        "-djfile",
        type=Path,
        metavar="FILE",
        help="the dataset's dataset.json (default: the one among the predictions, else the one beside -ref)",
    )
    parser.add_argument(
        "-pet",
        type=Path,
        metavar="FOLDER",
        help="PET volumes in SUV, CASE.nii.gz each, for TLG and SUV (default: petTr or petTs beside -ref, if any)",
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        metavar="DISTANCE",
        help="up to which borders agree in surface Dice (default: 2 mm, in images without a spacing 1 pixel)",
    )
    add_patients_argument(parser, "patients.json beside the dataset.json of -ref, else by the cases' names")


def run(arguments: Namespace) -> None:
    """Evaluate, write the result and print a summary."""
    output: Path = arguments.o or arguments.pred / "evaluation.json"
    if output.suffix != ".json":
        raise InputError(f"{output} must end with .json.")
    if not arguments.pred.is_dir():
        raise InputError(f"{arguments.pred} is not a folder.")
    table = output.with_suffix(".csv")
    with (  # an existing file is refused now, not after the work
        new_file(output, overwrite=arguments.overwrite) as json_file,
        new_file(table, overwrite=arguments.overwrite) as csv_file,
    ):
        evaluation = evaluate_folders(
            arguments.ref,
            arguments.pred,
            foreground=arguments.l,
            dataset_json=arguments.djfile,
            patients=None if arguments.patients is None else read_patients(arguments.patients),
            pets=arguments.pet,
            tolerance=arguments.tolerance,
            allow_missing=arguments.chill,
            num_processes=arguments.np,
        )
        evaluation.to_json(json_file)
        evaluation.to_csv(csv_file)
    print(f"\n{summary(evaluation)}\n\n{output}\n{table}")
    if remark := remark_on_patients(evaluation, arguments.patients or find_patients(arguments.ref)):
        print(f"\n{remark}")


def summary(evaluation: Evaluation) -> str:
    """All measures as text, of all labels together and of each; fractions are shown in percent."""
    cases, patients = evaluation.cases, evaluation.patients
    numbers = f"{_number(cases, 'case')} of {_number(patients, 'patient')}"
    together = f"{numbers}, foreground {list(evaluation.labels)}"
    each = {f"{name} {list(of_label.labels)}": of_label for name, of_label in evaluation.per_label.items()}
    lines = [line for title, one in {together: evaluation, **each}.items() for line in ("", title, "", *_tables(one))]
    return "\n".join(lines[1:])


def _tables(evaluation: Evaluation) -> list[str]:
    width = 2 + max(len(heading(measure, evaluation.units)) for measure in MEASURES.values())

    pooled = evaluation.measures("pooled")
    agreement = [
        f"{heading(measure, evaluation.units):<{width}}{shown(evaluation.figure(measure), measure.kind):>10}"
        for measure in evaluation.measures("agreement")
    ]
    means = [f"{'Mean':<{width}}{'over cases':>10}{'defined':>10}{'over patients':>18}{'defined':>10}"]
    for measure in evaluation.measures("patient"):
        over_cases, over_patients = evaluation.mean_over_cases(measure), evaluation.mean_over_patients(measure)
        means.append(
            f"{heading(measure, evaluation.units):<{width}}"
            f"{shown(over_cases.value, measure.kind):>10}{over_cases.defined:>10}"
            f"{shown(over_patients.value, measure.kind):>18}{over_patients.defined:>10}"
        )
    length = evaluation.units.length.removesuffix("s" if evaluation.tolerance == 1 else "")
    return [
        "PCLT20K protocol: pixels of all cases pooled, mean HD95 of slices in pixels",
        "".join(f"{heading(measure, evaluation.units).removesuffix(' pixels'):>10}" for measure in pooled),
        "".join(f"{shown(evaluation.figure(measure), measure.kind):>10}" for measure in pooled),
        "",
        *means,
        "",
        "Agreement with the reference over patients: limits of agreement, Lin's concordance",
        *agreement,
        "",
        *([] if evaluation.free_response is None else _free_response(evaluation.free_response)),
        f"Borders agree within {amount(evaluation.tolerance)} {length} in surface Dice.",
    ]


def _free_response(curve: FreeResponse) -> list[str]:
    return [
        "Free response: matched lesion sensitivity % at so many false lesions a patient",
        "".join(f"{name:>8}" for name in FIGURES),
        "".join(f"{shown(float(curve.sensitivity_at(*rates)), 'fraction'):>8}" for rates in FIGURES.values()),
        "",
    ]


def _number(things: Sequence[object], name: str) -> str:
    return f"{len(things)} {name}{'s' * (len(things) != 1)}"
