"""`nnUNetv2_cipa make_phantom`: synthetic patients, by default in PCLT20K's layout."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.files import new_folder
from nnunetv2_cipa.phantom.patient import Patient, make_patient
from nnunetv2_cipa.phantom.scanner import CT_WINDOW, SUV_CAP, to_8_bit

from .studies_folder import make_studies
from .suv_storage import STORAGES

FORMATS = ("pclt20k", "nifti", "dicom")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("-o", type=Path, required=True, metavar="FOLDER", help="new folder")
    parser.add_argument("--patients", type=int, default=20, help="a fifth of them for testing (default: %(default)s)")
    parser.add_argument("--slices", type=int, default=12, help="slices of each patient (default: %(default)s)")
    parser.add_argument("--size", type=int, default=128, help="height and width in pixels (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed makes the same data (default: %(default)s)")
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="pclt20k",
        help="PCLT20K's slices, or studies for convert_PETCT (default: %(default)s)",
    )
    parser.add_argument("--suv", choices=STORAGES, help=f"how a DICOM PET stores uptake (default: {STORAGES[0]})")
    parser.add_argument("--overwrite", action="store_true", help="replace FOLDER if it exists")


def run(arguments: Namespace) -> None:
    """Make the folder and say what to do with it."""
    if arguments.suv and arguments.format != "dicom":
        raise InputError(
            f"--suv {arguments.suv} is for --format dicom; {arguments.format} has one way to store uptake."
        )
    size = (arguments.size, arguments.size)
    counts = (arguments.patients, arguments.slices, size, arguments.seed)
    if arguments.format == "pclt20k":
        make_phantom(arguments.o, *counts, overwrite=arguments.overwrite)
    else:
        make_studies(
            arguments.o, arguments.format, *counts, arguments.suv or STORAGES[0], overwrite=arguments.overwrite
        )
    print(f"{arguments.o}: {arguments.patients} patients of {arguments.slices} slices")
    converter = "convert_PCLT20K" if arguments.format == "pclt20k" else "convert_PETCT"
    print(f"Next: nnUNetv2_cipa {converter} -i {arguments.o}")


def make_phantom(
    folder: Path,
    patients: int = 20,
    slices_per_patient: int = 12,
    size: tuple[int, int] = (128, 128),
    seed: int = 0,
    *,
    overwrite: bool = False,
) -> None:
    """Write `<patient>/<patient>_<slice>_CT.png`, `_PET.png` and `_mask.png`, train.txt and test.txt.

    CT shows -1000 to 400 HU as 0 to 255, PET SUV 0 to 15 as 0 to 255; masks are 0 and 255. A fifth of the patients, at
    least one, is for testing. Patients do not depend on how many there are.

    Args:
        folder: Must not exist, but with `overwrite`.
        patients: At least two; conversion for nnU-Net needs six.
        slices_per_patient: See `make_patient`.
        size: Height and width in pixels; see `make_patient`.
        seed: From 0 on; the same seed makes the same files.
        overwrite: Replace an existing folder, once the new one is complete.

    Raises:
        InputError: an argument is out of range, or the folder exists.
    """
    if patients < 2:
        raise InputError(f"{patients} patients cannot be split into training and test set: ask for two or more.")
    if seed < 0:
        raise InputError(f"Seed {seed} is negative: choose one from 0 on.")
    num_train = patients - max(round(patients / 5), 1)
    with new_folder(folder, overwrite=overwrite) as new:
        names = []
        for number in tqdm(range(1, patients + 1), desc="synthetic patients"):
            patient = make_patient(slices_per_patient, size, seed=(seed, number))
            names.append(_write_patient(new / f"{number:04d}", patient, first_slice=10 + 7 * number % 90))
        for file_name, chosen in (("train.txt", names[:num_train]), ("test.txt", names[num_train:])):
            (new / file_name).write_text("".join(f"{name}\n" for of_patient in chosen for name in of_patient))


def _write_patient(folder: Path, patient: Patient, first_slice: int) -> list[str]:
    """Write the slices of a patient and return their names."""
    folder.mkdir()
    ct, pet = to_8_bit(patient.ct, *CT_WINDOW), to_8_bit(patient.pet, 0, SUV_CAP)
    mask = np.where(patient.tumour, np.uint8(255), np.uint8(0))
    names = []
    for index in range(len(ct)):
        name = f"{folder.name}_{first_slice + index}"
        for kind, images in (("CT", ct), ("PET", pet), ("mask", mask)):
            Image.fromarray(images[index]).save(folder / f"{name}_{kind}.png")
        names.append(name)
    return names
