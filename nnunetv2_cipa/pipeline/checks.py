"""What the end of a run will need, as far as it can be known already: before hours are spent on what comes before."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.evaluation.label_folders import LabelFormat, find_label_format
from nnunetv2_cipa.evaluation.label_images import read_label_image
from nnunetv2_cipa.files import existing_parent
from nnunetv2_cipa.nnunet.fold_checks import mixed_folds, needs_patient_folds, number_of_folds, training_patients
from nnunetv2_cipa.nnunet.plans import STOCK_PLANS
from nnunetv2_cipa.nnunet.raw_changes import refuse_outdated
from nnunetv2_cipa.nnunet.raw_dataset import RawDataset, read_raw_dataset
from nnunetv2_cipa.processes import for_each
from nnunetv2_cipa.steps import Ledger
from nnunetv2_cipa.submission.sample import SampleSubmission, empty_mask_of, in_order

from .experiment import Experiment
from .preparation import is_planned_already
from .results import submission_form
from .workspace import Workspace, count_cases

CHECKPOINTS, LEAST_CHECKPOINT_BYTES = 2, 10**8
"""The best and the last one of a training. CIPA-tiny's have 630 MB, a small U-Net's 100 MB or more."""

LEAST_BYTES_PER_PIXEL = 2
"""Of preprocessed channels, which are compressed."""


def check(workspace: Workspace, experiment: Experiment) -> None:
    """Check a run by what there is now; called again after each stage, it comes to know more.

    Raises:
        InputError: folders cannot be written to, the disk is too full, or the dataset lacks what is asked for: labels,
            folds, patients, cases of a sample, a form of the submission, labels of the test set. One that the user
            has preprocessed has changed since.
    """
    _check_folders(workspace)
    if experiment.members and len(experiment.folds) < 2:
        raise InputError("--members needs at least two folds: one that is alone cannot disagree with others.")
    if workspace.is_converted:
        dataset = read_raw_dataset(workspace.raw)
        _check_labels(dataset, experiment)
        _check_submission(dataset, workspace, experiment)
        _check_folds(workspace, experiment)
    _check_disk(workspace, experiment)
    ledger = Ledger(workspace.folder / "steps.jsonl")
    if workspace.is_converted and is_planned_already(workspace, ledger):
        refuse_outdated(workspace.raw, workspace.preprocessed, STOCK_PLANS)


def doubts(workspace: Workspace, experiment: Experiment) -> Iterator[str]:
    """What may be wrong with a run's patients and folds, each with what to do."""
    raw, preprocessed = workspace.raw, workspace.preprocessed
    if workspace.is_converted:
        patients, found = training_patients(raw, experiment.patients)
        yield from found
        if not needs_patient_folds(raw, preprocessed, patients):  # else the run makes them
            yield from filter(None, [mixed_folds(raw, preprocessed, patients)])


def check_test_set(workspace: Workspace, num_processes: int = 1) -> None:
    """Read all labels of the test set, and look for all channels of its images, as prediction and evaluation will do.

    Conversions do that themselves, so it is for datasets that are in nnU-Net's raw format already.

    Raises:
        InputError: channels are missing, or labels cannot be read or have other values than the dataset's.
    """
    if workspace.source.converter is not None:
        return
    dataset = read_raw_dataset(workspace.raw)
    cases, labels = dataset.test_cases, workspace.raw / "labelsTs"
    missing = [str(file) for case in cases for file in dataset.test_images(case) if not file.is_file()]
    if missing:
        raise InputError("\n".join([f"{len(missing)} images of the test set are missing:", *missing[:10]]))
    if cases and not dataset.unlabelled_test_cases:
        form = find_label_format(labels, labels, dataset_json=workspace.raw / "dataset.json")
        for_each(
            partial(_read_label, form),
            [labels / f"{case}{dataset.file_ending}" for case in cases],
            description="labels of the test set",
            failure="labels of the test set cannot be evaluated",
            num_processes=num_processes,
        )


def _read_label(form: LabelFormat, file: Path) -> None:
    ignored = frozenset() if form.labels.ignored is None else frozenset({form.labels.ignored})
    read_label_image(file, form.reader, form.labels.allowed | ignored)


def check_sample(dataset: RawDataset, sample: SampleSubmission) -> None:
    """Make sure that a sample submission has the cases of the test set.

    Raises:
        InputError: there is no test set, or its cases are others (every difference is named), or the sample does not
            tell how empty masks are written.
    """
    if not (cases := dataset.test_cases):
        raise InputError(f"{dataset.folder} has no test images, so there is nothing to submit. Leave --sample out.")
    try:
        in_order(cases, sample)
        empty_mask_of(sample)
    except InputError as error:
        raise InputError(
            f"{error}\nOptions such as these are those of `nnUNetv2_cipa submission`: leave --sample out here, and "
            "write the submission of predictions/final with it."
        ) from error


def _check_folders(workspace: Workspace) -> None:
    if workspace.source.converter and workspace.source.folder in (workspace.folder, *workspace.folder.parents):
        raise InputError(
            f"{workspace.folder} lies in the data that are to be converted. Choose another folder with -o."
        )
    converted = [workspace.raw] if workspace.source.converter else []
    for folder in (workspace.folder, workspace.preprocessed, workspace.results, *converted):
        _try_to_write(folder)


def _try_to_write(folder: Path) -> None:
    """Make a folder in a folder, or where it is to be made, and remove it: permissions alone do not tell everything."""
    place = existing_parent(folder)
    if not place.is_dir():
        raise InputError(f"{folder} cannot be made: {place} is a file.")
    longest = os.statvfs(place).f_namemax
    if too_long := [name for name in folder.parts if len(os.fsencode(name)) > longest]:
        raise InputError(f"{folder} cannot be made: names may have {longest} bytes, and {too_long[0]} has more.")
    try:
        with tempfile.TemporaryDirectory(prefix=".cipa", dir=place):
            pass
    except OSError as error:
        raise InputError(f"{folder} cannot be written to: {error.strerror} in {place}.") from error


def _check_labels(dataset: RawDataset, experiment: Experiment) -> None:
    if unknown := [label for label in experiment.labels if label not in dataset.foreground]:
        known = ", ".join(map(str, dataset.foreground))
        raise InputError(f"-l {' '.join(map(str, unknown))}: {dataset.folder} has the labels {known}.")
    unlabelled, cases = dataset.unlabelled_test_cases, dataset.test_cases
    if 0 < len(unlabelled) < len(cases):
        raise InputError(
            f"{len(unlabelled)} of {len(cases)} test cases have no file in {dataset.folder / 'labelsTs'}, such as "
            f"{', '.join(unlabelled[:5])}. Add them, or move labelsTs away: then nothing is evaluated."
        )


def _check_submission(dataset: RawDataset, workspace: Workspace, experiment: Experiment) -> None:
    form = submission_form(workspace, experiment)
    if experiment.sample is not None:
        if form != "csv":
            raise InputError(f"--sample is for a submission as csv, not {form}. Leave it out.")
        check_sample(dataset, experiment.sample)
    if experiment.submission in ("csv", "png", "nii.gz") and not dataset.test_cases:
        raise InputError(f"{dataset.folder} has no test images, so there is nothing to submit: --submission none.")
    if form in ("csv", "png") and not dataset.is_of_slices:
        raise InputError(
            f"--submission {form} is for slices, and {dataset.folder} has {dataset.file_ending} volumes: choose nii.gz."
        )


def _check_folds(workspace: Workspace, experiment: Experiment) -> None:
    patients, _ = training_patients(workspace.raw, experiment.patients)
    number = number_of_folds(workspace.raw, workspace.preprocessed, patients)
    if beyond := [fold for fold in experiment.folds if not 0 <= fold < number]:
        raise InputError(
            f"{workspace.source.dataset} has the folds 0 to {number - 1}, but not {beyond}. Choose others with -f."
        )


def _check_disk(workspace: Workspace, experiment: Experiment) -> None:
    """Refuse what cannot fit: checkpoints of trainings that have not begun, and data that are not preprocessed yet."""
    begun = [workspace.fold_folder(model, fold).exists() for model in experiment.models for fold in experiment.folds]
    cases = count_cases(workspace)
    needed = begun.count(False) * CHECKPOINTS * LEAST_CHECKPOINT_BYTES
    if not workspace.preprocessed.exists():
        needed += cases.training * cases.pixels * LEAST_BYTES_PER_PIXEL
    free = shutil.disk_usage(existing_parent(workspace.results)).free
    if free < needed:
        raise InputError(
            f"{existing_parent(workspace.results)} has {free / 1e9:.1f} GB left, and this run needs at least "
            f"{needed / 1e9:.1f} GB. Make space, or choose another folder with -o or nnUNet_results."
        )
