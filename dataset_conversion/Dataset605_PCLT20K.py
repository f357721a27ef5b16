"""`nnUNetv2_cipa convert_PCLT20K`: a folder in PCLT20K's layout becomes a dataset in nnUNet_raw, ready for planning."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nnunetv2.configuration import default_num_processes
from nnunetv2.dataset_conversion.generate_dataset_json import generate_dataset_json

from nnunetv2_cipa.arguments import add_processes_argument
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.files import new_folder
from nnunetv2_cipa.nnunet.folds import NUM_FOLDS
from nnunetv2_cipa.nnunet.normalizations import CHANNEL_NAMES, Normalization, add_normalization_argument
from nnunetv2_cipa.processes import for_each

from .new_dataset import (
    MODALITIES,
    new_dataset_folder,
    outdated_splits,
    remove_leftovers,
    write_patients_and_folds,
)
from .problems import Problems
from .slice_conversion import ConvertedSlice, convert_slice
from .source_folder import SliceFiles, SourceFolder, read_source_folder
from .summary import Summary

DATASET_NAME = "PCLT20K"


@dataclass(frozen=True)
class Conversion:
    """What was converted.

    Attributes:
        folder: The new dataset, in nnUNet_raw.
        source: The slices it was made of, and where their split comes from.
        summary: What it holds.
        outdated_splits: A splits_final.json in nnUNet_preprocessed that has other folds, where there is one.
    """

    folder: Path
    source: SourceFolder
    summary: Summary
    outdated_splits: Path | None

    @property
    def warnings(self) -> list[str]:
        """What will be in the way of training, or makes its results doubtful."""
        found = []
        patients = len({slice_.patient for slice_ in self.summary.train})
        if patients == 1:
            found.append(
                "All training slices are of one patient: there are no folds by patient, and no splits_final.json. "
                "nnU-Net would validate on the patient that it trains on; its fold all does without validation."
            )
        elif patients < NUM_FOLDS:
            found.append(f"The training slices are of {patients} patients: there are {patients} folds instead of 5.")
        if not any(slice_.tumour_area for slice_ in self.summary.train):
            found.append(
                "No training slice has a tumour: all masks are empty. nnU-Net cannot plan that, and its planning would "
                "end with an IndexError. Are these the right masks?"
            )
        if splits := self.outdated_splits:
            found.append(
                f"{splits} has other folds. nnUNetv2_plan_and_preprocess will stop there with a bare AssertionError. "
                f"What is in {splits.parent} was made of other data: remove it before planning."
            )
        return found


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("-i", type=Path, required=True, metavar="FOLDER", help="folder in PCLT20K's layout")
    parser.add_argument("-d", type=int, default=605, metavar="ID", help="dataset id, 1 to 999 (default: %(default)s)")
    add_processes_argument(parser, "slices at a time")
    add_normalization_argument(parser)
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="of the split by patient, made where there are no lists (default: %(default)s)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the dataset of an earlier conversion")


def run(arguments: Namespace) -> None:
    """Convert and print a summary."""
    conversion = convert_pclt20k(
        arguments.i,
        arguments.d,
        num_processes=arguments.np,
        normalization=arguments.normalization,
        seed=arguments.seed,
        overwrite=arguments.overwrite,
    )
    print(f"\n{conversion.folder}\nSplit: {conversion.source.split}\n")
    print(conversion.summary)
    if unlisted := conversion.source.unlisted:
        print(f"\nIn neither list and left out: {len(unlisted)} slices, {unlisted[0]} first.")
    for warning in conversion.warnings:
        print(f"\nWARNING: {warning}")
    print(f"\nNext: nnUNetv2_plan_and_preprocess -d {arguments.d} -c 2d --verify_dataset_integrity")


def convert_pclt20k(
    source_folder: Path,
    dataset_id: int = 605,
    *,
    num_processes: int = default_num_processes,
    normalization: Normalization = "stock",
    seed: int = 0,
    overwrite: bool = False,
) -> Conversion:
    """Convert a folder in PCLT20K's layout to `nnUNet_raw/DatasetXXX_PCLT20K`.

    Args:
        source_folder: Holds a folder for each patient, and train.txt and test.txt.
        dataset_id: nnU-Net's id for the dataset.
        num_processes: How many slices are worked on at a time.
        normalization: for which nnU-Net plans by the channels' names (`CHANNEL_NAMES`).
        seed: Of the 8:2 split by patient that is made where the folder has neither list.
        overwrite: Replace an existing dataset, once the new one is complete.

    Raises:
        InputError: anything about the source or the target is wrong. The message names every offender, and nothing is
            left behind.
    """
    if not 0 <= seed < 2**32:
        raise InputError(f"Seed {seed} is not possible: choose --seed from 0 to 4294967295.")
    target = new_dataset_folder(dataset_id, DATASET_NAME)
    if target.resolve() in [(inside := source_folder.resolve()), *inside.parents]:
        raise InputError(f"{source_folder} lies in the dataset that it is to become, {target}. Move it elsewhere.")
    remove_leftovers(target)
    with new_folder(target, overwrite=overwrite) as folder:
        problems = Problems()
        source = read_source_folder(source_folder, seed, problems)
        train = _convert_slices(source.train, folder, "Tr", num_processes, problems)
        test = _convert_slices(source.test, folder, "Ts", num_processes, problems)
        problems.refuse(source_folder)
        _write_dataset_json(folder, normalization, num_training=len(train))
        folds = write_patients_and_folds(folder, _patients(train), _patients(test))
    return Conversion(
        folder=target,
        source=source,
        summary=Summary(train, test, fold_sizes=[len(fold["val"]) for fold in folds]),
        outdated_splits=outdated_splits(target.name, folds),
    )


def _convert_slices(
    slices: Sequence[SliceFiles], folder: Path, suffix: str, num_processes: int, problems: Problems
) -> list[ConvertedSlice]:
    """Fill `images<suffix>` and `labels<suffix>`. Threads do, as decoding and encoding run outside Python's lock."""
    images, labels = folder / f"images{suffix}", folder / f"labels{suffix}"
    images.mkdir()
    labels.mkdir()
    convert = partial(convert_slice, images=images, labels=labels, problems=problems)
    converted = for_each(
        convert,
        slices,
        description=images.name,
        failure="slices cannot be converted",
        num_processes=num_processes,
        threads=True,
    )
    return [slice_ for slice_ in converted if slice_ is not None]


def _patients(slices: Sequence[ConvertedSlice]) -> dict[str, str]:
    return {slice_.name: slice_.patient for slice_ in slices}


def _write_dataset_json(folder: Path, normalization: Normalization, num_training: int) -> None:
    generate_dataset_json(
        str(folder),
        channel_names=dict(enumerate(CHANNEL_NAMES[normalization])),
        labels={"background": 0, "tumor": 1},
        num_training_cases=num_training,
        file_ending=".png",
        dataset_name=DATASET_NAME,
        description="PET-CT slices in PCLT20K's layout",
        license="that of the source; PCLT20K itself is for non-commercial research",
        converted_by="nnUNetv2_cipa convert_PCLT20K",
        modalities=MODALITIES,
    )
