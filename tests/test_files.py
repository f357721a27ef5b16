"""Nothing half-written is ever seen under the final name, and nothing else stays behind."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import torch

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.files import (
    new_file,
    new_folder,
    read_volume_header,
    write_checkpoint,
    write_volume,
)


def test_file_appears_when_complete(tmp_path):
    target = tmp_path / "a" / "image.nii.gz"
    with new_file(target) as path:
        assert path.name == target.name  # writers choose the format by the whole extension
        path.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert os.listdir(target.parent) == [target.name]


def test_failed_file_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), new_file(tmp_path / "table.csv") as path:
        path.write_text("half")
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == []


def test_file_that_was_never_written_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), new_file(tmp_path / "table.csv"):
        pass
    assert os.listdir(tmp_path) == []


def test_failed_overwriting_keeps_the_old_file(tmp_path):
    target = tmp_path / "table.csv"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), new_file(target, overwrite=True) as path:
        path.write_text("half")
        raise ZeroDivisionError
    assert target.read_text() == "old"
    with new_file(target, overwrite=True) as path:
        path.write_text("new")
    assert target.read_text() == "new"
    assert os.listdir(tmp_path) == [target.name]


def test_file_in_place_of_a_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="is a folder"), new_file(tmp_path, overwrite=True):
        pytest.fail("entered")


def test_folder_appears_when_complete(tmp_path):
    target = tmp_path / "raw" / "Dataset605_PCLT20K"
    with new_folder(target) as path:
        (path / "dataset.json").write_text("{}")
        assert path.name == target.name
        assert not target.exists()
    assert [file.name for file in target.iterdir()] == ["dataset.json"]
    assert os.listdir(target.parent) == [target.name]


def test_failed_folder_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "Dataset605_PCLT20K") as path:
        (path / "dataset.json").write_text("{}")
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == []


def test_old_folder_stays_until_the_new_one_is_complete(tmp_path):
    target = tmp_path / "results"
    target.mkdir()
    (target / "old").touch()
    with pytest.raises(ZeroDivisionError), new_folder(target, overwrite=True) as path:
        (path / "half").touch()
        raise ZeroDivisionError
    assert os.listdir(target) == ["old"]
    with new_folder(target, overwrite=True) as path:
        (path / "new").touch()
        assert os.listdir(target) == ["old"]
    assert os.listdir(target) == ["new"]
    assert os.listdir(tmp_path) == [target.name]


def test_overwriting_a_link_keeps_what_it_points_to(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").touch()
    target = tmp_path / "results"
    target.symlink_to(elsewhere)
    with new_folder(target, overwrite=True) as path:
        (path / "new").touch()
    assert not target.is_symlink()
    assert os.listdir(elsewhere) == ["precious"]


@pytest.mark.parametrize("new", [new_file, new_folder])
def test_existing_target_is_refused_and_untouched(tmp_path, new):
    target = tmp_path / "target"
    target.write_text("old")
    with pytest.raises(InputError, match=r"target exists already.*--overwrite"), new(target):
        pytest.fail("entered")
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == [target.name]


@pytest.mark.parametrize("new", [new_file, new_folder])
def test_permissions_are_the_usual_ones(tmp_path, new):
    """What others may read does not depend on how it was written."""
    with new(tmp_path / "made") as path:
        if new is new_file:
            path.touch()
    usual = tmp_path / "usual"
    usual.touch() if new is new_file else usual.mkdir()
    assert (tmp_path / "made").stat().st_mode == usual.stat().st_mode


@pytest.mark.parametrize("new", [new_file, new_folder])
def test_long_names_that_the_system_takes_are_taken(tmp_path, new):
    target = tmp_path / ("n" * 255)
    for _ in range(2):
        with new(target, overwrite=True) as path:
            path.touch() if new is new_file else (path / "file").touch()
        assert os.listdir(tmp_path) == [target.name]


def test_a_file_in_place_of_a_folder_is_kept(tmp_path):
    target = tmp_path / "table.csv"
    target.write_text("old")
    with pytest.raises(InputError, match="is a file, not a folder"), new_folder(target, overwrite=True):
        pytest.fail("entered")
    assert target.read_text() == "old"


@pytest.mark.parametrize("new", [new_file, new_folder])
def test_what_the_system_refuses_names_the_target(tmp_path, new):
    target = tmp_path / "target"
    with pytest.raises(OSError) as full, new(target):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert full.value.filename == str(target)
    with pytest.raises(FileNotFoundError) as missing, new(target):
        (tmp_path / "source").read_text()
    assert missing.value.filename == str(tmp_path / "source")
    with pytest.raises(FileNotFoundError) as inside, new(target) as path:
        (path / "no" / "such").touch()
    assert inside.value.filename == str(target)
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError) as refused, new(tmp_path / "file" / "sub" / "target"):
        pytest.fail("entered")
    assert "/file/sub" in refused.value.filename
    assert sorted(os.listdir(tmp_path)) == ["file"]


def test_the_old_folder_comes_back_if_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    target = tmp_path / "results"
    target.mkdir()
    (target / "old").touch()
    replace = Path.replace

    def refused(self, other):
        if (self / "new").exists():
            raise OSError(errno.EBUSY, "Device or resource busy", str(self))
        return replace(self, other)

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(OSError, match="busy"), new_folder(target, overwrite=True) as path:
        (path / "new").touch()
    assert os.listdir(target) == ["old"]
    assert os.listdir(tmp_path) == ["results"]


def test_a_volume_that_was_not_written_as_a_whole_is_noticed(tmp_path, monkeypatch):
    image = sitk.GetImageFromArray(np.random.default_rng(0).integers(0, 255, (4, 5, 6)).astype(np.uint8))
    write_volume(image, tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(
        sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "a.nii.gz"))), sitk.GetArrayFromImage(image)
    )
    with pytest.raises(InputError, match="cannot be written"):
        write_volume(image, tmp_path / "a.unknown")

    def full(image, name, write=sitk.WriteImage):
        write(image, name)
        os.truncate(name, Path(name).stat().st_size // 2)

    monkeypatch.setattr(sitk, "WriteImage", full)
    with pytest.raises(OSError, match="No space left on device"):
        write_volume(image, tmp_path / "b.nii.gz")


def test_a_checkpoint_comes_back_and_a_full_disk_is_called_that(tmp_path):
    write_checkpoint({"weights": torch.arange(3)}, tmp_path / "a.pth")
    assert torch.load(tmp_path / "a.pth", weights_only=True)["weights"].tolist() == [0, 1, 2]
    if Path("/dev/full").exists():
        with pytest.raises(OSError, match="No space left on device"):
            write_checkpoint({}, Path("/dev/full"))


def test_header_is_that_of_the_volume(tmp_path):
    image = sitk.Image(4, 3, 2, sitk.sitkUInt8)
    image.SetSpacing((1.0, 2.0, 3.0))
    image.SetOrigin((-5.0, 6.0, 7.0))
    write_volume(image, tmp_path / "mask.nii.gz")
    header = read_volume_header(tmp_path / "mask.nii.gz")
    assert header.GetSize() == (4, 3, 2)
    assert header.GetSpacing() == image.GetSpacing()
    assert header.GetOrigin() == image.GetOrigin()
    assert header.GetDirection() == image.GetDirection()


def test_header_that_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "mask.nii.gz").write_bytes(b"no volume")
    with pytest.raises(InputError, match=r"mask\.nii\.gz cannot be read"):
        read_volume_header(tmp_path / "mask.nii.gz")
