"""`nnUNetv2_cipa submission`: predictions as a CSV file of run lengths, or as PNG or NIfTI masks."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from nnunetv2_cipa.arguments import add_patients_argument
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.files import new_file, new_folder
from nnunetv2_cipa.nnunet.patients import REMEDY, doubts, find_patients, patients_of

from .csv_table import DEFAULT_COLUMNS, Layout, write_table
from .mask_files import is_placed, write_nifti_masks, write_png_masks
from .predictions import Predictions, find_predictions
from .sample import empty_mask_of, read_sample
from .stacks import gaps, stacks_of

_ONLY_FOR = {
    "csv": ("sample", "order", "empty", "id_ending", "columns"),
    "png": ("value",),
    "nii.gz": ("value", "patients", "like"),
}


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("-i", type=Path, required=True, metavar="FOLDER", help="predictions, as nnU-Net writes them")
    parser.add_argument("-o", type=Path, required=True, metavar="FILE.csv or FOLDER", help="the submission")
    parser.add_argument(
        "--format",
        choices=tuple(_ONLY_FOR),
        default="csv",
        help="csv: run lengths, one row a slice; png: one mask a slice; nii.gz: one mask a volume, slices of a patient "
        "stacked (default: %(default)s)",
    )
    parser.add_argument(
        "-l", type=int, nargs="+", metavar="LABEL", help="foreground labels (default: all of the dataset's)"
    )
    parser.add_argument("-djfile", type=Path, metavar="FILE", help="dataset.json (default: that in the folder)")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier submission")
    table = parser.add_argument_group("csv")
    table.add_argument("--sample", type=Path, metavar="FILE.csv", help="sample submission: same columns, ids and order")
    table.add_argument(
        "--order", choices=("column", "row"), help="pixels are counted down the columns (default) or along the rows"
    )
    table.add_argument(
        "--empty", metavar="TEXT", help="what an empty mask is written as (default: as in the sample, else nothing)"
    )
    table.add_argument("--id-ending", metavar="TEXT", help="what ids have after the case's name, such as .png")
    table.add_argument(
        "--columns",
        nargs=2,
        metavar=("ID", "MASK"),
        help=f"names of the columns (default: the sample's first and last, else {' '.join(DEFAULT_COLUMNS)})",
    )
    masks = parser.add_argument_group("png and nii.gz")
    masks.add_argument("--value", type=int, choices=(1, 255), help="of the foreground (default: png 255, nii.gz 1)")
    add_patients_argument(masks, what="nii.gz: patient of each slice, as {case: patient}")
    masks.add_argument(
        "--like", type=Path, metavar="FOLDER", help="nii.gz: images whose place in space the stacks of slices get"
    )


def run(arguments: Namespace) -> None:
    """Write the submission and say where it is."""
    _refuse_options_of_other_formats(arguments)
    predictions = find_predictions(arguments.i, arguments.l, arguments.djfile)
    if arguments.l is None and len(predictions.label_format.labels.foreground) > 1:
        labels = ", ".join(map(str, predictions.label_format.labels.foreground))
        print(f"The foreground is that of the labels {labels} together (-l LABEL for one of them)")
    output: Path = arguments.o
    if arguments.format == "csv":
        layout = _layout(arguments)
        with new_file(output, overwrite=arguments.overwrite) as file:
            write_table(file, predictions, layout)
    else:
        with new_folder(output, overwrite=arguments.overwrite) as folder:
            if arguments.format == "png":
                write_png_masks(folder, predictions, arguments.value or 255)
            else:
                patients = _patients(predictions, arguments.patients)
                write_nifti_masks(folder, predictions, arguments.value or 1, patients=patients, images=arguments.like)
    print(f"{len(predictions.files)} predictions: {output}")


def _patients(predictions: Predictions, given: Path | None) -> dict[str, str] | None:
    """The patient of each slice, and whatever is not certain about that in print; None for volumes."""
    if is_placed(predictions) and given is None:
        return None
    file = given or find_patients(predictions.folder)
    patients = patients_of(predictions.files, file)
    names = list(dict.fromkeys(patients.values()))
    shown = ", ".join(names[:5]) + (" and others" if len(names) > 5 else "")
    print(f"Patients, by {file or 'the names of slices (--patients FILE.json may tell others)'}: {shown}")
    for doubt in [] if file else doubts(patients):
        print(f"WARNING: {doubt}")
    stacks = stacks_of(patients)
    if len(stacks) > 1 and all(len(stack.cases) == 1 for stack in stacks):
        print(f"WARNING: each of the {len(stacks)} volumes is a single slice. {REMEDY}")
    if lines := gaps(stacks):
        print("\n".join(["WARNING: slices are missing between others, and are empty in the volumes:", *lines]))
    return patients


def _layout(arguments: Namespace) -> Layout:
    columns = None if arguments.columns is None else (arguments.columns[0], arguments.columns[1])
    sample = None if arguments.sample is None else read_sample(arguments.sample, columns)
    empty: str = arguments.empty or ""
    if sample is not None and arguments.empty is None and (empty := empty_mask_of(sample)):
        print(f"Empty masks are written as {empty}, as in {sample.file} (--empty TEXT for another way)")
    return Layout(
        order=arguments.order or "column",
        empty=empty,
        id_ending=arguments.id_ending or "",
        columns=columns,
        sample=sample,
    )


def _refuse_options_of_other_formats(arguments: Namespace) -> None:
    known = dict.fromkeys(option for options in _ONLY_FOR.values() for option in options)
    given = [option for option in known if getattr(arguments, option) is not None]
    wrong = [f"--{option.replace('_', '-')}" for option in given if option not in _ONLY_FOR[arguments.format]]
    if wrong:
        raise InputError(f"{', '.join(wrong)} means nothing with --format {arguments.format}. Leave it out.")
    if (arguments.format == "csv") != (arguments.o.suffix == ".csv"):
        raise InputError(
            f"-o {arguments.o} does not fit --format {arguments.format}: csv is a .csv file, masks a folder."
        )
