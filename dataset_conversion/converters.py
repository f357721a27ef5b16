"""The table of converters: what each recognises, and how its data are counted before they are converted."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nnunetv2_cipa.errors import InputError


@dataclass(frozen=True)
class CaseCounts:
    """How much data there is.

    Attributes:
        training: cases to train with.
        test: cases of the test set.
        pixels: of a channel of a case.
        test_labels: whether the test set has labels.
    """

    training: int
    test: int
    pixels: int
    test_labels: bool


@dataclass(frozen=True)
class Converter:
    """A command that brings a kind of folder into nnU-Net's raw format.

    Attributes:
        command: of `nnUNetv2_cipa`, with `-i FOLDER -d ID -np N --overwrite`.
        dataset_name: by default, without its number.
        dataset_id: by default.
        recognizes: whether a folder is of this kind.
        count: what such a folder holds.
    """

    command: str
    dataset_name: str
    dataset_id: int
    recognizes: Callable[[Path], bool]
    count: Callable[[Path], CaseCounts]


def converter_for(folder: Path) -> Converter:
    """The converter for a folder.

    Raises:
        InputError: none recognises it.
    """
    for converter in CONVERTERS:
        if converter.recognizes(folder):
            return converter
    known = ", ".join(f"{converter.dataset_name} ({converter.command})" for converter in CONVERTERS)
    raise InputError(f"{folder} is neither nnU-Net's raw format nor a layout that can be converted: {known}.")


def _is_pclt20k(folder: Path) -> bool:
    return any(path.name.lower().endswith("_ct.png") for path in folder.glob("*/*"))


def _count_pclt20k(folder: Path) -> CaseCounts:
    from PIL import Image

    from .problems import Problems
    from .source_folder import read_source_folder

    found = read_source_folder(folder, 0, Problems())
    with Image.open([*found.train, *found.test][0].ct) as image:
        pixels = image.width * image.height
    return CaseCounts(len(found.train), len(found.test), pixels, test_labels=True)


CONVERTERS: tuple[Converter, ...] = (
    Converter("convert_PCLT20K", "PCLT20K", 605, recognizes=_is_pclt20k, count=_count_pclt20k),
)
