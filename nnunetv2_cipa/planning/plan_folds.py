"""`nnUNetv2_cipa plan_folds`: folds that keep the cases of a patient together, where nnU-Net would deal out cases."""

import json
from argparse import ArgumentParser, Namespace

from nnunetv2_cipa.arguments import add_patients_argument
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.files import new_file
from nnunetv2_cipa.nnunet.fold_checks import training_patients
from nnunetv2_cipa.nnunet.folders import dataset_folder
from nnunetv2_cipa.nnunet.folds import SPLITS_FILE
from nnunetv2_cipa.nnunet.patients import patient_folds


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("-d", required=True, metavar="ID", help="dataset, planned by nnUNetv2_plan_and_preprocess")
    add_patients_argument(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace folds that are there")


def run(arguments: Namespace) -> None:
    """Write splits_final.json, from which nnU-Net takes its folds, and say whose cases they are.

    Raises:
        InputError: the dataset is not planned, all its cases are of one patient, or it has folds already.
    """
    preprocessed = dataset_folder("nnUNet_preprocessed", arguments.d)
    if not preprocessed.is_dir():
        raise InputError(f"{preprocessed} does not exist. Plan the dataset first: nnUNetv2_plan_and_preprocess")
    patients, found = training_patients(dataset_folder("nnUNet_raw", arguments.d), arguments.patients)
    folds = patient_folds(patients)
    if not folds:
        raise InputError(
            f"All {len(patients)} training cases are of one patient, who cannot be both trained and validated on. If "
            "that is wrong, name the patient of each case with --patients."
        )
    with new_file(preprocessed / SPLITS_FILE, overwrite=arguments.overwrite) as file:
        file.write_text(json.dumps(folds, indent=4), encoding="utf-8")
    for doubt in found:
        print(f"WARNING: {doubt}")
    print(f"{preprocessed / SPLITS_FILE}: {len(folds)} folds of {len(set(patients.values()))} patients")
