from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from skimage import io

from nnunetv2_cipa.dataset_conversion.problems import Problems
from nnunetv2_cipa.dataset_conversion.slice_conversion import convert_slice, tumour_of
from nnunetv2_cipa.dataset_conversion.source_folder import SliceFiles
from nnunetv2_cipa.errors import InputError


@pytest.fixture
def files(tmp_path, write_slice):
    write_slice(tmp_path, "0001_9", area=7)
    paths = (tmp_path / "0001" / f"0001_9_{kind}.png" for kind in ("CT", "PET", "mask"))
    return SliceFiles("0001_9", *paths)


def convert(files, folder: Path):
    problems = Problems()
    (folder / "images").mkdir()
    (folder / "labels").mkdir()
    converted = convert_slice(files, folder / "images", folder / "labels", problems)
    return converted, problems, sorted(path.name for path in folder.glob("[il]*/*"))


def refusal_of(files, folder: Path) -> str:
    converted, problems, written = convert(files, folder)
    assert converted is None
    assert written == []
    with pytest.raises(InputError) as refusal:
        problems.refuse(folder)
    return str(refusal.value)


def test_a_sound_slice(files, tmp_path):
    converted, problems, written = convert(files, tmp_path)
    problems.refuse(tmp_path)
    assert converted == ("0001_9", "0001", (12, 16), 7)
    assert written == ["0001_9.png", "0001_9_0000.png", "0001_9_0001.png"]
    assert (tmp_path / "images" / "0001_9_0000.png").read_bytes() == files.ct.read_bytes()
    assert (tmp_path / "images" / "0001_9_0001.png").read_bytes() == files.pet.read_bytes()
    label = io.imread(tmp_path / "labels" / "0001_9.png")  # as nnU-Net reads it
    assert label.dtype == np.uint8
    assert np.array_equal(label, io.imread(files.mask) // 255)


@pytest.mark.parametrize(
    ("mask", "tumour"),
    [
        ([0, 0, 0], [0, 0, 0]),
        ([0, 255, 0], [0, 1, 0]),
        ([0, 128, 0], [0, 1, 0]),
        ([127, 128, 127], [0, 1, 0]),
        ([0, 1, 1], [0, 1, 1]),
        ([0, 127, 0], None),
        ([128, 255, 128], None),
        ([0, 128, 255], None),
        ([0, 1, 255], None),
        ([255, 255, 255], None),
        ([1, 1, 1], None),
        ([7, 7, 7], None),
    ],
)
def test_masks(mask, tumour):
    result = tumour_of(np.array([mask], dtype=np.uint8))
    assert (result is None) == (tumour is None)
    assert tumour is None or np.array_equal(result, np.array([tumour], dtype=bool))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "1", "I;16"])
@pytest.mark.parametrize("kind", ["ct", "pet", "mask"])
def test_images_that_are_not_8_bit_grey_are_refused(files, tmp_path, kind, mode):
    path = getattr(files, kind)
    Image.new(mode, (16, 12)).save(path)
    assert f"not an 8-bit grey PNG: convert them (1):\n    {path}: PNG, mode {mode}" in refusal_of(files, tmp_path)


def test_a_jpeg_under_a_png_name_is_refused(files, tmp_path):
    Image.new("L", (16, 12)).save(files.ct, format="JPEG")
    assert f"{files.ct}: JPEG, mode L" in refusal_of(files, tmp_path)


def test_every_fault_of_a_slice_is_named(files, tmp_path):
    files.ct.write_bytes(b"")
    Image.new("RGB", (16, 12)).save(files.pet)
    mask = np.arange(200, dtype=np.uint8).reshape(10, 20)
    Image.fromarray(mask).save(files.mask)
    message = refusal_of(files, tmp_path)
    assert f"{files.ct}: not an image" in message
    assert f"{files.pet}: PNG, mode RGB" in message
    assert f"{files.mask}: 0, 1, 2, 3, 4, 5, 6, 7, ... (200 values)" in message


def test_different_sizes_are_refused(files, tmp_path):
    Image.new("L", (16, 13)).save(files.pet)
    assert "0001_9: CT 12x16, PET 13x16, mask 12x16" in refusal_of(files, tmp_path)


def test_a_file_that_cannot_be_opened_is_refused(files, tmp_path):
    files.pet.unlink()
    files.pet.mkdir()
    assert str(files.pet) in refusal_of(files, tmp_path)


@pytest.fixture(scope="module")
def png() -> bytes:
    stream = BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="module")
def damaged(tmp_path_factory, png) -> SliceFiles:
    folder = tmp_path_factory.mktemp("damaged")
    Image.new("L", (40, 40)).save(folder / "mask.png")
    (folder / "PET.png").write_bytes(png)
    return SliceFiles("p_1", folder / "CT.png", folder / "PET.png", folder / "mask.png")


@given(cut=st.integers(0, 1600), data=st.data())
def test_a_damaged_file_is_named_or_read_as_nnunet_reads_it(damaged, tmp_path_factory, png, cut, data):
    content = bytearray(png)
    content[data.draw(st.integers(0, len(png) - 1))] ^= data.draw(st.integers(1, 255))
    damaged.ct.write_bytes(content[: len(content) - cut])
    folder = tmp_path_factory.mktemp("converted")
    converted, problems, written = convert(damaged, folder)
    if converted is None:
        assert written == []
        with pytest.raises(InputError, match=r"CT\.png|p_1: CT"):
            problems.refuse(folder)
    else:
        assert io.imread(folder / "images" / "p_1_0000.png").shape == (40, 40)
