"""PET-CT in nnU-Net's raw format already, such as autoPET's merged FDG and PSMA: only what is missing is added."""

import json
import math
import os
import shutil
from pathlib import Path

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.files import new_file, new_folder, read_json
from nnunetv2_cipa.nnunet.folds import SPLITS_FILE
from nnunetv2_cipa.nnunet.patients import PATIENTS_FILE, doubts, mixing, patient_folds, patients_of
from nnunetv2_cipa.petct.grids import same_grid
from nnunetv2_cipa.petct.nifti import checked_ct, checked_suv, read_grid, read_nifti

from .converters import CaseCounts
from .new_dataset import MODALITIES, new_dataset_folder

_ENDING = ".nii.gz"


def is_raw_dataset(folder: Path) -> bool:
    """Whether a folder has images of two channels as nnU-Net names them."""
    return any((folder / "imagesTr").glob(f"*_0001{_ENDING}")) if (folder / "imagesTr").is_dir() else False


def count_raw_dataset(folder: Path) -> CaseCounts:
    """What it holds.

    Raises:
        InputError: a case is not complete.
    """
    cases = {subset: _cases(folder, subset) for subset in ("Tr", "Ts")}
    size = read_grid(folder / "imagesTr" / f"{cases['Tr'][0]}_0000{_ENDING}").GetSize()
    return CaseCounts(len(cases["Tr"]), len(cases["Ts"]), math.prod(size), (folder / "labelsTs").is_dir())


def adopt_raw_dataset(folder: Path, dataset_id: int, name: str, *, overwrite: bool, dry: bool) -> str:
    """Make a complete dataset of a folder in nnU-Net's raw format, and say what was added.

    A folder in nnUNet_raw with this id is completed where it is; any other is linked (or copied, on another disk) to
    `nnUNet_raw/DatasetXXX_NAME`. Nothing that is there is changed, but that dataset.json learns which channel is which.

    Args:
        folder: with imagesTr and labelsTr.
        dataset_id: nnU-Net's id for the dataset.
        name: of a new dataset.
        overwrite: replace an existing dataset.
        dry: only say what is missing.

    Raises:
        InputError: a case lacks a channel or a label, or its files are on different grids; or the target is not free.
    """
    cases = {subset: _cases(folder, subset) for subset in ("Tr", "Ts")}
    own_name = folder.resolve().name
    in_place = own_name.startswith(f"Dataset{dataset_id:03d}_")
    target = new_dataset_folder(dataset_id, own_name.partition("_")[2] if in_place else name)
    in_place = in_place and target.resolve() == folder.resolve()
    missing = _missing(folder)
    counted = f"{len(cases['Tr'])} cases for training, {len(cases['Ts'])} for testing"
    if dry:
        return f"{folder}: nnU-Net's raw format, {counted}. Would be added: {', '.join(missing) or 'nothing'}."
    if in_place:
        notes = _complete(folder, cases)
    else:
        with new_folder(target, overwrite=overwrite) as new:
            shutil.copytree(folder, new, copy_function=_link, dirs_exist_ok=True)
            notes = _complete(new, cases)
    return "\n".join([f"{target}: nnU-Net's raw format, {counted}. Added: {', '.join(missing) or 'nothing'}.", *notes])


def _cases(folder: Path, subset: str) -> list[str]:
    """Case identifiers of a subset, each complete."""
    images, labels = folder / f"images{subset}", folder / f"labels{subset}"
    cases = sorted({path.name[: -len(f"_0000{_ENDING}")] for path in images.glob(f"*_000[01]{_ENDING}")})
    faults = []
    for case in cases:
        files = [images / f"{case}_000{channel}{_ENDING}" for channel in (0, 1)]
        if subset == "Tr" or labels.is_dir():
            files.append(labels / f"{case}{_ENDING}")
        if absent := [str(path) for path in files if not path.is_file()]:
            faults.append(f"    {case}: {' and '.join(absent)} missing")
            continue
        grids = list(map(read_grid, files))
        if other := [path for path, grid in zip(files, grids, strict=True) if not same_grid(grid, grids[0])]:
            faults.append(f"    {case}: {other[0]} has another grid than {files[0].name}")
    if faults:
        raise InputError("\n".join([f"{len(faults)} of {len(cases)} cases of {images} are no good:", *faults]))
    return cases


def _missing(folder: Path) -> list[str]:
    missing = [name for name in ("dataset.json", PATIENTS_FILE, SPLITS_FILE) if not (folder / name).is_file()]
    if "dataset.json" not in missing and "modalities" not in read_json(folder / "dataset.json"):
        missing.append("modalities in dataset.json")
    return [*missing, *(f"pet{subset}" for subset in ("Tr", "Ts") if _lacks_pet(folder, subset))]


def _lacks_pet(folder: Path, subset: str) -> bool:
    return (folder / f"images{subset}").is_dir() and not (folder / f"pet{subset}").is_dir()


def _complete(folder: Path, cases: dict[str, list[str]]) -> list[str]:
    """Add what is missing; return what a user should know."""
    ct, pet = _write_dataset_json(folder, len(cases["Tr"]))
    everything = [*cases["Tr"], *cases["Ts"]]
    file = folder / PATIENTS_FILE
    patients = patients_of(everything, file if file.is_file() else None)
    notes = [] if file.is_file() else doubts(patients)
    if not file.is_file():
        _write_json(file, patients)
    splits = folder / SPLITS_FILE
    if splits.is_file():
        mixed = mixing(read_json(splits), patients)
        notes += [
            f"WARNING: fold {fold} of {splits} trains and validates on {', '.join(who)}" for fold, who in mixed.items()
        ]
    elif folds := patient_folds({case: patients[case] for case in cases["Tr"]}):
        _write_json(splits, folds)
    else:
        notes.append("WARNING: all training cases are of one patient: there are no folds by patient.")
    for subset, names in cases.items():
        if _lacks_pet(folder, subset):
            (folder / f"pet{subset}").mkdir()
            for name in names:
                image = folder / f"images{subset}" / f"{name}_{pet:04d}{_ENDING}"
                _link(image, folder / f"pet{subset}" / f"{name}{_ENDING}")
    return [*notes, *_unit_doubts(folder, cases, ct, pet)]


def _unit_doubts(folder: Path, cases: dict[str, list[str]], ct: int, pet: int) -> list[str]:
    """What speaks against HU and SUV in the first case; to look at all of a large dataset would take hours."""
    subset, name = next((subset, names[0]) for subset, names in cases.items() if names)
    doubts = []
    for channel, checked in ((ct, checked_ct), (pet, checked_suv)):
        path = folder / f"images{subset}" / f"{name}_{channel:04d}{_ENDING}"
        try:
            checked(read_nifti(path), path)
        except InputError as error:
            doubts.append(f"WARNING: {error}")
    return doubts


def _write_dataset_json(folder: Path, num_training: int) -> tuple[int, int]:
    """Let dataset.json say which channel is which; return the numbers of CT and PET."""
    from nnunetv2_cipa.training.modalities import modality_channels

    path = folder / "dataset.json"
    made = {
        "channel_names": dict(enumerate(MODALITIES)),
        "labels": {"background": 0, "tumor": 1},
        "numTraining": num_training,
        "file_ending": _ENDING,
    }
    content = read_json(path) if path.is_file() else made
    order = modality_channels(content).order
    if "modalities" not in content:
        modalities = [MODALITIES[order.index(channel)] for channel in (0, 1)]
        path.unlink(missing_ok=True)  # it may be a link to the source's, which stays as it is
        _write_json(path, {**content, "modalities": modalities, "pet_unit": "SUV"})
    return order


def _write_json(path: Path, content: object) -> None:
    with new_file(path, overwrite=True) as file:
        file.write_text(json.dumps(content, indent=1), encoding="utf-8")


def _link(source: str | Path, target: str | Path) -> None:
    """A hard link, which takes no space; a copy where the disk is another."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
