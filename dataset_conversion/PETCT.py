"""`nnUNetv2_cipa convert_PETCT`: a folder of PET-CT studies becomes a dataset in nnUNet_raw, in HU and SUV."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import get_args

from nnunetv2_cipa.arguments import add_processes_argument
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.petct.dicom_case import DicomChoices
from nnunetv2_cipa.petct.labels import Classes
from nnunetv2_cipa.petct.volumes import GridChoice

from .petct_conversion import DATASET_ID, DATASET_NAME, convert_petct, dry_run
from .petct_layouts import LAYOUTS, Options
from .petct_overview import described, refusals
from .petct_raw_dataset import adopt_raw_dataset, is_raw_dataset
from .petct_weights import read_weights


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("-i", type=Path, required=True, metavar="FOLDER", help="folder of studies")
    parser.add_argument(
        "-d", type=int, default=DATASET_ID, metavar="ID", help="dataset id, 1 to 999 (default: %(default)s)"
    )
    parser.add_argument("-n", default=DATASET_NAME, metavar="NAME", help="dataset name (default: %(default)s)")
    names = ["auto", *(layout.name for layout in LAYOUTS)]
    parser.add_argument("--layout", choices=names, default="auto", help="of the folder (default: %(default)s)")
    parser.add_argument(
        "--grid", choices=get_args(GridChoice), default="ct", help="voxels of a case (default: %(default)s)"
    )
    parser.add_argument(
        "--spacing",
        type=float,
        nargs=3,
        metavar="MM",
        help="between columns, rows and slices, if not those of the grid",
    )
    parser.add_argument(
        "--labels",
        nargs="+",
        metavar="NAME=SOURCE",
        help="classes: which segments or regions (patterns of names, or codes) or values become which, such as "
        "primary='GTVp*' node='GTVn*' (default: whatever is segmented is tumour; NIfTI labels stay as they are)",
    )
    parser.add_argument("--rois", nargs="+", default=(), metavar="NAME", help="patterns of RTSTRUCT regions to take")
    parser.add_argument(
        "--series", nargs="+", default=(), metavar="UID", help="series to take where several are possible"
    )
    parser.add_argument(
        "--aligned", action="store_true", help="CT and PET are aligned despite different frames of reference"
    )
    parser.add_argument("--weights", type=Path, metavar="CSV", help="PatientID,kg for headers without body weight")
    parser.add_argument("--anonymous", action="store_true", help="running numbers instead of PatientIDs")
    parser.add_argument("--ct", metavar="PATTERN", help="of CT files with {id}, such as '{id}/CT*.nii.gz'")
    parser.add_argument("--pet", metavar="PATTERN", help="of PET files in SUV, such as '{id}/SUV*.nii.gz'")
    parser.add_argument("--label", metavar="PATTERN", help="of label files; for DICOM of their names, such as '*seg*'")
    add_processes_argument(parser, "studies at a time")
    parser.add_argument(
        "--dry-run", action="store_true", help="read headers only, say what would be done, write nothing"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the dataset of an earlier conversion")


def run(arguments: Namespace) -> None:
    """Convert, say what was chosen for each study, and end with those that were refused."""
    if is_raw_dataset(arguments.i):
        print(
            adopt_raw_dataset(
                arguments.i, arguments.d, arguments.n, overwrite=arguments.overwrite, dry=arguments.dry_run
            )
        )
        return
    options = Options(
        choices=DicomChoices(
            tuple(arguments.series), arguments.aligned, Classes.parsed(arguments.labels), tuple(arguments.rois)
        ),
        weights=read_weights(arguments.weights) if arguments.weights else {},
        anonymous=arguments.anonymous,
        ct=arguments.ct,
        pet=arguments.pet,
        label=arguments.label,
    )
    if arguments.dry_run:
        outcomes = dry_run(arguments.i, arguments.layout, options, arguments.np)
        if text := refusals(outcomes):
            raise InputError(text)
        return
    conversion = convert_petct(
        arguments.i,
        arguments.d,
        arguments.n,
        layout=arguments.layout,
        options=options,
        grid=arguments.grid,
        spacing=tuple(arguments.spacing) if arguments.spacing else None,
        num_processes=arguments.np,
        overwrite=arguments.overwrite,
    )
    print(f"\n{conversion.folder} (layout {conversion.layout})\n")
    for outcome in conversion.outcomes:
        print(described(outcome))
    for warning in conversion.warnings:
        print(f"\nWARNING: {warning}")
    print(f"\nNext: nnUNetv2_plan_and_preprocess -d {arguments.d} -c 2d --verify_dataset_integrity")
    if text := refusals(conversion.outcomes):
        raise InputError(text)
