"""Predict tumours by a threshold on PET alone: the baseline that a network must beat.

`python benchmarks/pet_threshold.py -i imagesTs -o FOLDER --suv 2.5` takes every pixel above SUV 2.5, where 255 is
SUV 15 (`--suv-at-255`). `--fraction 0.41` instead takes every pixel above 41 % of the patient's maximum over all slices
that are there; the patient is the text before the case identifier's first underscore. The images are 8-bit PNG in
nnU-Net's raw format; the dataset.json beside their folder tells which channel is PET, without one it is _0001.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.files import new_folder

PET_CHANNEL = 1
LARGEST_8_BIT = 255


def suv_thresholds(files: dict[str, Path], suv: float, suv_at_255: float) -> dict[str, float]:
    """The same pixel value for each case."""
    if not 0 <= suv < suv_at_255:
        raise InputError(f"SUV {suv:g} is not among 0 to {suv_at_255:g}, which is what 8 bits hold here.")
    return dict.fromkeys(files, suv / suv_at_255 * LARGEST_8_BIT)


def fraction_thresholds(files: dict[str, Path], fraction: float) -> dict[str, float]:
    """For each case the pixel value that is this fraction of its patient's maximum."""
    if not 0 < fraction < 1:
        raise InputError(f"--fraction {fraction:g} is not between 0 and 1.")
    maxima: dict[str, int] = {}
    for case, path in tqdm(files.items(), desc="maxima"):
        patient = patient_of(case)
        maxima[patient] = max(maxima.get(patient, 0), int(read_pet(path).max()))
    return {case: fraction * maxima[patient_of(case)] for case in files}


def patient_of(case: str) -> str:
    """The text before the first underscore."""
    return case.partition("_")[0]


def find_pet(images: Path) -> dict[str, Path]:
    """The PET image of each case.

    Raises:
        InputError: there is none.
    """
    ending = f"_{pet_channel(images):04d}.png"
    found = {path.name.removesuffix(ending): path for path in sorted(images.glob(f"*{ending}"))}
    if not found:
        raise InputError(f"{images} has no *{ending}. Give a folder of PET-CT images in nnU-Net's raw format.")
    return found


def pet_channel(images: Path) -> int:
    """The number of the PET channel, by the dataset.json beside the folder, if there is one."""
    dataset_json = images.resolve().with_name("dataset.json")
    if not dataset_json.is_file():
        return PET_CHANNEL
    from nnunetv2_cipa.training.modalities import channel_order  # brings PyTorch

    return channel_order(json.loads(dataset_json.read_text(encoding="utf-8")))[1]


def read_pet(path: Path) -> NDArray[np.uint8]:
    """The pixels.

    Raises:
        InputError: it is not an 8-bit grey image that can be read.
    """
    try:
        with Image.open(path) as image:
            if image.mode != "L":
                raise InputError(f"{path} has the mode {image.mode}: only 8-bit grey images have a known scale.")
            return np.asarray(image)
    except (OSError, UnidentifiedImageError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error


def predict(arguments: argparse.Namespace) -> None:
    """Write a label image for each case: 1 above its threshold, else 0."""
    files = find_pet(arguments.i)
    with new_folder(arguments.o, overwrite=arguments.overwrite) as folder:
        if arguments.suv is not None:
            thresholds = suv_thresholds(files, arguments.suv, arguments.suv_at_255)
        else:
            thresholds = fraction_thresholds(files, arguments.fraction)
        for case, path in tqdm(files.items(), desc="masks"):
            mask = read_pet(path) > thresholds[case]
            Image.fromarray(mask.astype(np.uint8)).save(folder / f"{case}.png")
    print(f"{arguments.o}: {len(files)} cases")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and predict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-i", type=Path, required=True, metavar="IMAGES", help="images in nnU-Net's raw format")
    parser.add_argument("-o", type=Path, required=True, metavar="FOLDER", help="where the predictions go; it is made")
    threshold = parser.add_mutually_exclusive_group(required=True)
    threshold.add_argument("--suv", type=float, help="standardised uptake value above which is tumour")
    threshold.add_argument("--fraction", type=float, help="of the patient's maximum above which is tumour")
    parser.add_argument(
        "--suv-at-255", type=float, default=15.0, metavar="SUV", help="of the largest value (default: %(default)g)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier result")
    try:
        predict(parser.parse_args(arguments))
    except InputError as error:
        sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()
