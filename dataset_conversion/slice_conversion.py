"""One slice: its three images checked, then written as nnU-Net reads them."""

import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from .problems import Problem, Problems
from .source_folder import SliceFiles

_TUMOUR_FROM = 128  # the published code takes at least half of 255


class ConvertedSlice(NamedTuple):
    """A slice that was written: case identifier, patient, height and width in pixels, and pixels of tumour."""

    name: str
    patient: str
    size: tuple[int, int]
    tumour_area: int


class _GreyImage(NamedTuple):
    content: bytes
    pixels: NDArray[np.uint8]


def convert_slice(files: SliceFiles, images: Path, labels: Path, problems: Problems) -> ConvertedSlice | None:
    """Write `<name>_0000.png` (CT) and `<name>_0001.png` (PET) into `images` and `<name>.png` into `labels`.

    CT and PET are copied byte for byte; the label has 1 for tumour and 0 elsewhere. Whatever is wrong with the three
    images is noted in `problems`; then nothing is written and None returned.
    """
    ct, pet, mask = (_read_grey(path, problems) for path in (files.ct, files.pet, files.mask))
    sizes = [f"{image.pixels.shape[0]}x{image.pixels.shape[1]}" if image else "unknown" for image in (ct, pet, mask)]
    if len(set(sizes) - {"unknown"}) > 1:
        problems.add(Problem.SIZES, f"{files.name}: CT {sizes[0]}, PET {sizes[1]}, mask {sizes[2]}")
    tumour = tumour_of(mask.pixels) if mask else None
    if mask and tumour is None:
        problems.add(Problem.MASK_VALUES, f"{files.mask}: {_some(np.unique(mask.pixels))}")
    if ct is None or pet is None or tumour is None or len(set(sizes)) > 1:
        return None
    (images / f"{files.name}_0000.png").write_bytes(ct.content)
    (images / f"{files.name}_0001.png").write_bytes(pet.content)
    Image.fromarray(tumour.astype(np.uint8)).save(labels / f"{files.name}.png")
    height, width = tumour.shape
    return ConvertedSlice(files.name, files.patient, (height, width), int(np.count_nonzero(tumour)))


def tumour_of(mask: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    """Tell where a mask has tumour.

    Args:
        mask: (H, W). All 0; or two values, of which the one from 128 on is tumour, as in the published code; or 0 and
            1, which that code would take for an empty slice.

    Returns:
        (H, W), True for tumour; None for any other mask, also for one that is tumour everywhere.
    """
    values = np.unique(mask)
    if np.array_equal(values, [0]) or np.array_equal(values, [0, 1]):
        return mask == 1
    if len(values) == 2 and values[0] < _TUMOUR_FROM <= values[1]:
        return mask >= _TUMOUR_FROM
    return None


def _read_grey(path: Path, problems: Problems) -> _GreyImage | None:
    try:
        content = path.read_bytes()
        with Image.open(BytesIO(content)) as image:
            if (image.format, image.mode) == ("PNG", "L"):
                return _GreyImage(content, np.asarray(image))
            problems.add(Problem.NOT_GREY, f"{path}: {image.format}, mode {image.mode}")
    except (OSError, SyntaxError, ValueError, struct.error, zlib.error, Image.DecompressionBombError) as error:
        reason = "not an image" if isinstance(error, UnidentifiedImageError) else str(error)
        problems.add(Problem.UNREADABLE, f"{path}: {reason}")
    return None


def _some(values: NDArray[np.uint8]) -> str:
    shown = ", ".join(map(str, values[:8]))
    return shown if len(values) <= 8 else f"{shown}, ... ({len(values)} values)"
