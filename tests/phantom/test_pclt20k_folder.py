import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nnunetv2_cipa.cli import main
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.phantom import make_phantom


def hashes(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def phantom(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "phantom"
    make_phantom(folder, patients=7, slices_per_patient=3, size=(40, 56), seed=1)
    return folder


def test_layout(phantom):
    train, test = ((phantom / name).read_text().splitlines() for name in ("train.txt", "test.txt"))
    assert len(train) == 18
    assert len(test) == 3
    assert {name[:4] for name in train} == {f"{number:04d}" for number in range(1, 7)}
    assert {name[:4] for name in test} == {"0007"}
    expected = {f"{name[:4]}/{name}_{kind}.png" for name in train + test for kind in ("CT", "PET", "mask")}
    assert set(hashes(phantom)) == expected | {"train.txt", "test.txt"}


def test_images(phantom):
    values = set()
    for path in phantom.glob("*/*.png"):
        with Image.open(path) as image:
            assert (image.mode, image.size) == ("L", (56, 40))
            if path.stem.endswith("mask"):
                values |= set(np.unique(np.asarray(image)).tolist())
    assert values == {0, 255}


def test_the_same_seed_makes_the_same_files_however_many_patients(phantom, tmp_path):
    make_phantom(tmp_path / "again", patients=2, slices_per_patient=3, size=(40, 56), seed=1)
    make_phantom(tmp_path / "other", patients=2, slices_per_patient=3, size=(40, 56), seed=2)
    again, other, all_patients = hashes(tmp_path / "again"), hashes(tmp_path / "other"), hashes(phantom)
    pet = next(name for name in again if name.endswith("PET.png"))
    assert all(all_patients[name] == value for name, value in again.items() if name.endswith(".png"))
    assert other[pet] != again[pet]


def test_command(tmp_path, capsys):
    words = ["make_phantom", "-o", str(tmp_path / "made"), "--patients", "2", "--slices", "1", "--size", "32"]
    assert main(words) == 0
    assert f"nnUNetv2_cipa convert_PCLT20K -i {tmp_path / 'made'}" in capsys.readouterr().out
    before = hashes(tmp_path / "made")
    assert main(words) == 1
    assert "exists already" in capsys.readouterr().err
    assert main([*words, "--seed", "5", "--overwrite"]) == 0
    assert hashes(tmp_path / "made") != before


@pytest.mark.parametrize(
    ("options", "message"),
    [({"patients": 1}, "1 patients cannot be split"), ({"seed": -1}, "from 0 on"), ({"size": (8, 8)}, "too small")],
)
def test_bad_arguments_leave_nothing(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        make_phantom(tmp_path / "made", **options)
    assert list(tmp_path.iterdir()) == []
