"""What stands beside the images of converted studies: dataset.json, patients and folds."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from nnunetv2.dataset_conversion.generate_dataset_json import generate_dataset_json

from nnunetv2_cipa.nnunet.folds import NUM_FOLDS
from nnunetv2_cipa.petct.labels import ONE_CLASS

from .new_dataset import MODALITIES, write_patients_and_folds
from .petct_case import Outcome
from .petct_layouts import Layout, Options


def write_dataset_files(
    folder: Path, name: str, layout: Layout, options: Options, converted: Sequence[Outcome]
) -> list[str]:
    """Write what stands beside the images.

    Args:
        folder: with the images.
        name: of the dataset.
        layout: by which the studies were found.
        options: what the user has decided.
        converted: the studies that the dataset has.

    Returns:
        What a user should know before training.
    """
    training = {outcome.name: outcome.patient for outcome in converted if outcome.subset == "Tr"}
    test = {outcome.name: outcome.patient for outcome in converted if outcome.subset == "Ts"}
    folds = write_patients_and_folds(folder, training, test)
    (folder / "imagesTr").mkdir(exist_ok=True)
    (folder / "labelsTr").mkdir(exist_ok=True)
    classes = _class_names(layout, options, converted)
    generate_dataset_json(
        str(folder),
        channel_names=dict(enumerate(MODALITIES)),
        labels={"background": 0, **{name: number for number, name in enumerate(classes, 1)}},
        num_training_cases=len(training),
        file_ending=".nii.gz",
        dataset_name=name,
        description="PET-CT volumes: CT in HU, PET in SUV (body weight)",
        license="that of the source",
        converted_by="nnUNetv2_cipa convert_PETCT",
        modalities=MODALITIES,
        pet_unit="SUV",
    )
    return [*_fold_warnings(training, len(folds)), *_case_warnings(converted)]


def _fold_warnings(training: Mapping[str, str], folds: int) -> list[str]:
    if not training:
        return ["No study has a label: all are images for prediction (imagesTs)."]
    if not folds:
        return ["All training cases are of one patient: there are no folds by patient, and no splits_final.json."]
    if folds < NUM_FOLDS:
        patients = len(set(training.values()))
        return [f"The training cases are of {patients} patients: there are {folds} folds instead of {NUM_FOLDS}."]
    return []


def _case_warnings(converted: Sequence[Outcome]) -> list[str]:
    warnings = []
    highest = [outcome.record["highest_class"] for outcome in converted if outcome.subset == "Tr"]
    if highest and not any(highest):
        warnings.append("All labels are empty. nnU-Net cannot plan that: are these the right labels?")
    if odd := [outcome.name for outcome in converted if not outcome.record["axial"]]:
        warnings.append(
            f"{len(odd)} cases, {odd[0]} first, have slices closer together than their pixels: nnU-Net's 2d "
            "configuration cuts across the coarsest axis, so that its slices would not be axial. See --spacing."
        )
    return warnings


def _class_names(layout: Layout, options: Options, converted: Sequence[Outcome]) -> list[str]:
    """Names of the classes, from --labels, the layout, or the values found."""
    if options.choices.classes:
        return list(options.choices.classes.sources)
    highest = max((outcome.record["highest_class"] for outcome in converted), default=0)
    known = list(layout.classes)
    if not known and highest <= 1:
        return list(ONE_CLASS.sources)
    return [*known, *(f"label_{number}" for number in range(len(known) + 1, highest + 1))]
