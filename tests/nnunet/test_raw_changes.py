"""On two small datasets that nnU-Net itself has planned and preprocessed."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.raw_changes import DIGESTS_FILE, changed_cases, refuse_outdated

pytestmark = pytest.mark.slow  # nnU-Net plans and preprocesses

NAME = "Dataset007_Lungs"
PLANS = "nnUNetPlans"
CASES = [f"{number:04d}_1" for number in range(6)]


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """nnU-Net's folders with a dataset that is preprocessed."""
    folder = tmp_path_factory.mktemp("planned")
    raw = folder / "nnUNet_raw" / NAME
    random = np.random.default_rng(0)
    for name in ("imagesTr", "labelsTr"):
        (raw / name).mkdir(parents=True)
    for case in CASES:
        label = np.zeros((32, 32), np.uint8)
        label[8:20, 10:18] = 1
        for channel in range(2):
            image = random.integers(0, 200, label.shape, np.uint8) + 50 * label
            Image.fromarray(image).save(raw / "imagesTr" / f"{case}_{channel:04d}.png")
        Image.fromarray(label).save(raw / "labelsTr" / f"{case}.png")
    content = {"channel_names": {"0": "CT", "1": "PET"}, "labels": {"background": 0, "tumour": 1}}
    content |= {"numTraining": len(CASES), "file_ending": ".png"}
    (raw / "dataset.json").write_text(json.dumps(content))
    preprocess(folder)
    return folder


def preprocess(folder):
    roots = {name: str(folder / name) for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")}
    command = str(Path(sys.executable).with_name("nnUNetv2_plan_and_preprocess"))
    words = [command, "-d", "7", "-c", "2d", "-npfp", "1", "-np", "1", "--clean"]
    subprocess.run(words, env={**os.environ, **roots}, check=True, capture_output=True)


@pytest.fixture
def folders(planned, tmp_path):
    """A copy of it, with its times, some time after it was preprocessed."""
    for name in ("nnUNet_raw", "nnUNet_preprocessed"):
        shutil.copytree(planned / name, tmp_path / name)
    return tmp_path / "nnUNet_raw" / NAME, tmp_path / "nnUNet_preprocessed" / NAME


def darken(image):
    Image.fromarray(np.asarray(Image.open(image)) // 2).save(image)


def set_back(file, days=30):
    past = time.time() - days * 86400
    os.utime(file, (past, past))


def test_what_was_preprocessed_is_what_is_there(folders):
    raw, preprocessed = folders
    assert changed_cases(raw, preprocessed, PLANS) == {}
    refuse_outdated(raw, preprocessed, PLANS)
    for file in (raw / "imagesTr").iterdir():  # newer, but the same
        os.utime(file)
    assert changed_cases(raw, preprocessed, PLANS) == {}


@pytest.mark.parametrize("looked_before", [True, False])
@pytest.mark.parametrize("dated_back", [True, False])
def test_a_changed_image_is_found_by_its_content(folders, looked_before, dated_back):
    raw, preprocessed = folders
    if looked_before:
        changed_cases(raw, preprocessed, PLANS)
        assert (preprocessed / DIGESTS_FILE).is_file()
    image = raw / "imagesTr" / "0002_1_0001.png"
    darken(image)
    if dated_back:
        set_back(image)
    assert changed_cases(raw, preprocessed, PLANS) == {"0002_1": "another image"}
    assert changed_cases(raw, preprocessed, PLANS) == {"0002_1": "another image"}


def test_a_changed_image_is_found_though_size_and_time_are_as_before(folders):
    raw, preprocessed = folders
    changed_cases(raw, preprocessed, PLANS)
    image = raw / "imagesTr" / "0002_1_0001.png"
    status, size = image.stat(), image.stat().st_size
    darken(image)
    with image.open("ab") as file:
        file.write(bytes(max(0, size - image.stat().st_size)))  # PNG readers stop before it
    os.truncate(image, size)
    os.utime(image, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert changed_cases(raw, preprocessed, PLANS) == {"0002_1": "another image"}


@pytest.mark.parametrize("dated_back", [True, False])
def test_a_corrected_mask_is_found(folders, dated_back):
    raw, preprocessed = folders
    mask = raw / "labelsTr" / "0003_1.png"
    Image.fromarray(np.asarray(Image.open(mask)).T.copy()).save(mask)
    if dated_back:
        set_back(mask)
    with pytest.raises(InputError, match=r"(?s)1 differences.*0003_1: another label.*nnUNetv2_plan_and_pre\S+ -d 7"):
        refuse_outdated(raw, preprocessed, PLANS)


def test_another_label_is_found_where_only_nnunets_copy_of_it_is_new(folders):
    """As after preprocessing another configuration again."""
    raw, preprocessed = folders
    mask = raw / "labelsTr" / "0003_1.png"
    Image.fromarray(np.asarray(Image.open(mask)).T.copy()).save(mask)
    shutil.copy(mask, preprocessed / "gt_segmentations")
    assert changed_cases(raw, preprocessed, PLANS) == {"0003_1": "another label"}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"channel_names": {"0": "PET", "1": "CT"}}, r"(?s)1 differences.*dataset\.json: other channel_names.*--clean"),
        ({"labels": {"background": 0, "ignore": 1}, "modalities": ["CT", "PET"]}, "other labels and modalities"),
        ({"modalities": ["PET", "CT"]}, r"other modalities.*\n    cp \S+dataset\.json \S+dataset\.json$"),
        ({"numTraining": 9}, None),
    ],
)
def test_another_dataset_json_is_found(folders, changed, message):
    raw, preprocessed = folders
    content = json.loads((raw / "dataset.json").read_text()) | changed
    (raw / "dataset.json").write_text(json.dumps(content))
    if message is None:
        refuse_outdated(raw, preprocessed, PLANS)
        return
    with pytest.raises(InputError, match=message):
        refuse_outdated(raw, preprocessed, PLANS)
    later = (raw / "dataset.json").stat().st_ctime + 1
    os.utime(preprocessed / "dataset.json", (later, later))  # edited later, too
    refuse_outdated(raw, preprocessed, PLANS)


def test_new_and_removed_cases_are_found(folders):
    raw, preprocessed = folders
    for folder, names in (("imagesTr", ("_0000", "_0001")), ("labelsTr", ("",))):
        for name in names:
            (raw / folder / f"0005_1{name}.png").rename(raw / folder / f"0009_1{name}.png")
    assert changed_cases(raw, preprocessed, PLANS) == {"0005_1": "is no longer there", "0009_1": "is new"}


def test_after_preprocessing_again_nothing_has_changed(folders):
    raw, preprocessed = folders
    changed_cases(raw, preprocessed, PLANS)
    image, mask = raw / "imagesTr" / "0002_1_0001.png", raw / "labelsTr" / "0003_1.png"
    darken(image)
    Image.fromarray(np.asarray(Image.open(mask)).T.copy()).save(mask)
    set_back(mask)
    with pytest.raises(InputError, match="gt_segmentations"):
        refuse_outdated(raw, preprocessed, PLANS)
    shutil.rmtree(preprocessed / "gt_segmentations")  # as the message says
    preprocess(raw.parent.parent)
    assert changed_cases(raw, preprocessed, PLANS) == {}
    darken(image)
    assert changed_cases(raw, preprocessed, PLANS) == {"0002_1": "another image"}


def test_where_nothing_is_preprocessed_nothing_is_outdated(folders):
    raw, preprocessed = folders
    shutil.rmtree(preprocessed / f"{PLANS}_2d")
    assert changed_cases(raw, preprocessed, PLANS) == {}
