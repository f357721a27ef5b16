"""The table of converters: the folders that each of them recognises, and what they hold."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.normalizations import Normalization


@dataclass(frozen=True)
class CaseCounts:
    """How much data there is.

    Attributes:
        training: Cases to train with.
        test: Cases of the test set.
        pixels: Of one channel of a case.
        test_labels: Whether the cases of the test set have labels.
    """

    training: int
    test: int
    pixels: int
    test_labels: bool


@dataclass(frozen=True)
class Converter:
    """A command that brings folders of one layout into nnU-Net's raw format.

    Attributes:
        command: Of nnUNetv2_cipa; takes `-i FOLDER -d ID -np N --overwrite`.
        dataset_name: What follows DatasetXXX_ in the names of datasets that it makes.
        dataset_id: By default.
        recognizes: Whether a folder has the layout; looks at names only.
        count: What a folder of the layout holds; raises InputError where that cannot be converted.
        normalization: Of plans for its datasets, where nobody has chosen one.
    """

    command: str
    dataset_name: str
    dataset_id: int
    recognizes: Callable[[Path], bool]
    count: Callable[[Path], CaseCounts]
    normalization: Normalization = "stock"


def converter_for(folder: Path) -> Converter:
    """The converter for a folder.

    Raises:
        InputError: no converter recognises it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder.")
    for converter in CONVERTERS:
        if converter.recognizes(folder):
            return converter
    layouts = [f"    {converter.dataset_name} (nnUNetv2_cipa {converter.command})" for converter in CONVERTERS]
    raise InputError("\n".join([f"{folder} has none of the layouts that can be converted:", *layouts]))


def _is_pclt20k(folder: Path) -> bool:
    from .source_folder import has_slices

    return has_slices(folder)


def _count_pclt20k(folder: Path) -> CaseCounts:
    from .source_folder import pixels_of, read_faultless_folder

    source = read_faultless_folder(folder)
    training, test = len(source.train), len(source.test)
    return CaseCounts(training, test, pixels_of((*source.train, *source.test)[0]), test_labels=test > 0)


def _is_petct(folder: Path) -> bool:
    from .petct_conversion import has_studies

    return has_studies(folder)


def _count_petct(folder: Path) -> CaseCounts:
    from .petct_conversion import count_studies

    return count_studies(folder)


CONVERTERS: tuple[Converter, ...] = (
    Converter("convert_PCLT20K", "PCLT20K", 605, _is_pclt20k, _count_pclt20k),
    Converter("convert_PETCT", "PETCT", 606, _is_petct, _count_petct, normalization="dataset"),
)
"""In the order in which they are asked. Their modules are imported when they are."""
