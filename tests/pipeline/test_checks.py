import shutil
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.pipeline.checks import check, check_test_set, doubts
from nnunetv2_cipa.pipeline.experiment import Experiment
from nnunetv2_cipa.submission import SampleSubmission

from .conftest import write_dataset_json

EXPERIMENT = Experiment(("nnUNetTrainer",), (0,))


def touch(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


@pytest.fixture
def raw(workspace, monkeypatch):
    """A dataset of volumes, each of a patient of its own, with labels for the test set."""
    monkeypatch.setattr("nnunetv2_cipa.nnunet.raw_dataset.RawDataset.pixels", lambda self: 1000)
    write_dataset_json(workspace.raw, ".nii.gz", primary=1, nodes=2)
    for part, cases in (("Tr", range(6)), ("Ts", range(6, 8))):
        touch(workspace.raw / f"images{part}", *(f"CHUM-{n:03d}_{c:04d}.nii.gz" for n in cases for c in range(2)))
        touch(workspace.raw / f"labels{part}", *(f"CHUM-{n:03d}.nii.gz" for n in cases))
    return workspace.raw


@pytest.fixture
def slices(workspace, raw):
    """The same as slices, two a patient."""
    shutil.rmtree(raw)
    write_dataset_json(raw)
    for part, patients in (("Tr", range(1, 4)), ("Ts", range(4, 5))):
        cases = [f"{patient:04d}_{number}" for patient in patients for number in (1, 2)]
        touch(raw / f"images{part}", *(f"{case}_{c:04d}.png" for case in cases for c in range(2)))
        touch(raw / f"labels{part}", *(f"{case}.png" for case in cases))
    return raw


def sample_of(*ids):
    return SampleSubmission(Mock(), ("id", "rle"), tuple((one, "") for one in ids), 0, 1)


def test_what_is_complete_is_accepted(workspace, raw):
    check(workspace, EXPERIMENT)
    check(workspace, replace(EXPERIMENT, labels=(1, 2), submission="nii.gz"))
    assert list(doubts(workspace, EXPERIMENT)) == []


def test_before_the_conversion_little_can_be_known(workspace):
    check(workspace, replace(EXPERIMENT, labels=(7,), folds=(9,)))


def test_labels_must_be_the_datasets(workspace, raw):
    with pytest.raises(InputError, match=r"-l 3: .* has the labels 1, 2"):
        check(workspace, replace(EXPERIMENT, labels=(1, 3)))


@pytest.mark.parametrize("form", ["csv", "png"])
def test_forms_of_slices_are_refused_for_volumes(workspace, raw, form):
    with pytest.raises(InputError, match=rf"--submission {form} is for slices.*choose nii\.gz"):
        check(workspace, replace(EXPERIMENT, submission=form))


@pytest.mark.parametrize("form", ["csv", "png", "nii.gz", "none", None])
def test_every_form_is_possible_for_slices(workspace, slices, form):
    check(workspace, replace(EXPERIMENT, submission=form))


def test_a_submission_needs_a_test_set(workspace, slices):
    shutil.rmtree(slices / "imagesTs")
    shutil.rmtree(slices / "labelsTs")
    check(workspace, EXPERIMENT)
    with pytest.raises(InputError, match="no test images, so there is nothing to submit"):
        check(workspace, replace(EXPERIMENT, submission="png"))
    with pytest.raises(InputError, match="no test images"):
        check(workspace, replace(EXPERIMENT, sample=sample_of("0004_1")))


def test_a_sample_has_the_cases_of_the_test_set_in_any_order(workspace, slices):
    check(workspace, replace(EXPERIMENT, sample=sample_of("0004_2", "0004_1")))
    with pytest.raises(InputError, match=r"(?s)does not fit .*not here \(1\):\n    b_1\n.*\(1\):\n    0004_1"):
        check(workspace, replace(EXPERIMENT, sample=sample_of("0004_2", "b_1")))
    with pytest.raises(InputError, match="--sample is for a submission as csv, not png"):
        check(workspace, replace(EXPERIMENT, submission="png", sample=sample_of("0004_2", "0004_1")))


def test_a_test_set_is_labelled_as_a_whole_or_not_at_all(workspace, raw):
    (raw / "labelsTs" / "CHUM-007.nii.gz").unlink()
    with pytest.raises(InputError, match=r"1 of 2 test cases have no file in .*labelsTs, such as CHUM-007"):
        check(workspace, EXPERIMENT)
    (raw / "labelsTs" / "CHUM-006.nii.gz").unlink()
    check(workspace, EXPERIMENT)


def test_folds_by_patient_are_as_many_as_patients(workspace, slices):
    check(workspace, replace(EXPERIMENT, folds=(0, 1, 2)))
    with pytest.raises(InputError, match=r"has the folds 0 to 2, but not \[3, 4\]"):
        check(workspace, replace(EXPERIMENT, folds=(0, 1, 2, 3, 4)))


def test_folds_that_mix_patients_are_told_but_not_those_that_the_run_makes(workspace, slices):
    assert not [doubt for doubt in doubts(workspace, EXPERIMENT) if "same patients" in doubt]
    splits = '[{"train": ["0001_1", "0002_1"], "val": ["0001_2"]}]'
    (slices / "splits_final.json").write_text(splits)
    [doubt] = [doubt for doubt in doubts(workspace, EXPERIMENT) if "same patients" in doubt]
    assert "fold 0 on 0001" in doubt
    assert "nnUNetv2_cipa plan_folds -d 605" in doubt


def test_a_file_of_patients_must_name_all_cases(workspace, slices, tmp_path):
    (tmp_path / "patients.json").write_text('{"0001_1": "Ada"}')
    with pytest.raises(InputError, match="does not name the patients of 7 cases"):
        check(workspace, replace(EXPERIMENT, patients=tmp_path / "patients.json"))


def of_user(workspace):
    return replace(workspace, source=replace(workspace.source, converter=None))


def test_labels_of_the_test_set_are_read_before_anything_is_run(workspace, slices):
    for case in ("0004_1", "0004_2"):
        Image.fromarray(np.eye(8, dtype=np.uint8)).save(slices / "labelsTs" / f"{case}.png")
    check_test_set(of_user(workspace))
    Image.fromarray(255 * np.eye(8, dtype=np.uint8)).save(slices / "labelsTs" / "0004_2.png")
    with pytest.raises(InputError, match=r"(?s)1 of 2 labels of the test set.*0004_2\.png.*no labels: 255"):
        check_test_set(of_user(workspace))
    check_test_set(workspace)  # conversions have looked at theirs


def test_channels_of_the_test_set_must_be_complete(workspace, slices):
    (slices / "imagesTs" / "0004_2_0001.png").unlink()
    with pytest.raises(InputError, match=r"(?s)1 images of the test set are missing.*0004_2_0001\.png"):
        check_test_set(of_user(workspace))


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no folder that nobody can write to")
def test_folders_must_be_writable(workspace):
    with pytest.raises(InputError, match=r"/proc/work cannot be written to: .* in /proc\."):
        check(replace(workspace, folder=Path("/proc/work")), EXPERIMENT)


def test_folders_must_be_possible(workspace):
    before = sorted(workspace.folder.parent.iterdir())
    with pytest.raises(InputError, match="names may have 255 bytes, and xxx"):
        check(replace(workspace, folder=workspace.folder / "new" / ("x" * 256)), EXPERIMENT)
    assert sorted(workspace.folder.parent.iterdir()) == before
    workspace.folder.touch()
    with pytest.raises(InputError, match="is a file"):
        check(workspace, EXPERIMENT)


def test_a_run_does_not_work_in_its_own_data(workspace):
    inside = replace(workspace, folder=workspace.source.folder / "work")
    with pytest.raises(InputError, match="lies in the data that are to be converted"):
        check(inside, EXPERIMENT)


def test_a_disk_without_room_for_the_checkpoints_is_refused(workspace, raw, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: Mock(free=300_000_000))
    check(workspace, EXPERIMENT)
    five = replace(EXPERIMENT, folds=(0, 1, 2, 3, 4))
    with pytest.raises(InputError, match=r"0\.3 GB left, and this run needs at least 1\.0 GB"):
        check(workspace, five)
    for fold in five.folds[1:]:  # what has begun is there already
        workspace.fold_folder(five.models[0], fold).mkdir(parents=True)
    check(workspace, five)
