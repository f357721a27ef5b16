"""The command: label files of probabilities."""

import json
import pickle

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
from PIL import Image

from nnunetv2_cipa.cli import main


@pytest.fixture
def rule(tmp_path):
    def write(unit="pixels", smallest=2):
        content = {"threshold": 0.35, "smallest_lesion": smallest, "no_tumour_below": 20, "unit": unit}
        (tmp_path / "rule.json").write_text(json.dumps({"rule": content}))
        return tmp_path / "rule.json"

    return write


def command(folder, output, rule, *more):
    return main(["apply_postprocessing", "-i", str(folder), "-o", str(output), "-pp", str(rule), "-np", "1", *more])


def test_label_files_follow_the_rule(tmp_path, predicted, rule):
    assert command(predicted, tmp_path / "out", rule()) == 0
    first, second = (np.asarray(Image.open(tmp_path / "out" / f"t_{number}.png")) for number in (1, 2))
    assert first.sum() == 120
    assert first[8:20, 8:18].all()
    assert not second.any()
    assert (tmp_path / "out" / "plans.json").is_file()
    assert sorted(file.suffix for file in (tmp_path / "out").iterdir()) == [".json", ".json", ".png", ".png"]


def test_volumes_keep_their_place_and_sizes_are_in_ml(tmp_path, rule):
    folder = tmp_path / "volumes"
    folder.mkdir()
    image = sitk.GetImageFromArray(np.zeros((4, 10, 10), dtype=np.float32))
    image.SetSpacing((10.0, 10.0, 10.0))
    image.SetOrigin((5.0, 6.0, 7.0))
    sitk.WriteImage(image, str(tmp_path / "image.nii.gz"))
    _, properties = SimpleITKIO().read_images([str(tmp_path / "image.nii.gz")])
    foreground = np.zeros((4, 10, 10))
    foreground[1:4, 2:5, 2:5], foreground[0, 9, 9] = 0.4, 0.9  # 27 ml, 1 ml
    np.savez_compressed(folder / "v.npz", probabilities=np.stack([1 - foreground, foreground]))
    (folder / "v.pkl").write_bytes(pickle.dumps(properties))
    dataset = {"labels": {"background": 0, "tumour": 1}, "file_ending": ".nii.gz"}
    (folder / "dataset.json").write_text(json.dumps(dataset))
    (folder / "plans.json").write_text(json.dumps({"image_reader_writer": "SimpleITKIO"}))
    assert command(folder, tmp_path / "out", rule("ml", smallest=1.5)) == 0
    written = sitk.ReadImage(str(tmp_path / "out" / "v.nii.gz"))
    assert written.GetOrigin() == (5.0, 6.0, 7.0)
    assert sitk.GetArrayFromImage(written).sum() == 27


def test_what_cannot_be_applied_is_refused(tmp_path, predicted, rule, capsys):
    assert command(predicted, tmp_path / "out", rule("ml")) == 1
    assert "has sizes in pixels, but the rule was found for ml" in capsys.readouterr().err
    (predicted / "plans.json").write_text(json.dumps({"image_reader_writer": "Nonsense"}))
    assert command(predicted, tmp_path / "out", rule()) == 1
    assert "no reader that nnU-Net has: 'Nonsense'" in capsys.readouterr().err
    (predicted / "plans.json").unlink()
    assert command(predicted, tmp_path / "out", rule()) == 1
    assert not (tmp_path / "out").exists()
