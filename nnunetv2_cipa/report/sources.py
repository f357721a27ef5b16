"""Which files the viewer shows of each case, and that they are all there."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnunetv2_cipa.comparison import Comparison
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.images import Images, images_in

_NAMED_FILES = 5


@dataclass(frozen=True)
class CaseSources:
    """The files of one case.

    Attributes:
        identifier: nnU-Net's.
        reference: The label file.
        predictions: One for each model, of its first run.
        images: CT and PET; None where the images are not known.
    """

    identifier: str
    reference: Path
    predictions: tuple[Path, ...]
    images: tuple[Path, Path] | None

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them."""
        return (self.reference, *self.predictions, *(self.images or ()))


def find_sources(comparison: Comparison, images_folder: Path | None = None) -> list[CaseSources]:
    """Find the files of all cases, in the order of the first model's cases.

    Args:
        comparison: Its records name the label files and the predictions, and `images` the folder of CT and PET.
        images_folder: To be taken instead of the folder that `comparison` names.

    Raises:
        InputError: files are missing, or CT and PET cannot be told apart.
    """
    images = comparison.images if images_folder is None else _images_of(images_folder, comparison)
    find_images = _image_finder(images)
    sources = [
        CaseSources(
            identifier=records[0].identifier,
            reference=Path(records[0].reference_file),
            predictions=tuple(Path(record.prediction_file) for record in records),
            images=find_images(records[0].identifier),
        )
        for records in zip(*(model.evaluation.cases for model in comparison.models), strict=True)
    ]
    _check(sources)
    return sources


def _images_of(folder: Path, comparison: Comparison) -> Images:
    """Images of another folder than the comparison's; without a dataset.json beside it CT comes first."""
    if folder.is_dir() and not folder.resolve().with_name("dataset.json").is_file():
        case = comparison.models[0].evaluation.cases[0]
        return Images(str(folder), Path(case.reference_file).name.removeprefix(case.identifier), ("CT", "PET"))
    return images_in(folder)


def _ct_and_pet(images: Images) -> tuple[int, int]:
    from nnunetv2_cipa.training.modalities import channel_order  # brings PyTorch

    return channel_order({"channel_names": {str(number): name for number, name in enumerate(images.channel_names)}})


def _image_finder(images: Images | None) -> Callable[[str], tuple[Path, Path] | None]:
    """Make the function of a case's identifier that gives its CT and PET."""
    if images is None:
        return lambda identifier: None
    folder, ending = Path(images.folder), images.file_ending
    ct, pet = _ct_and_pet(images)
    return lambda identifier: (folder / f"{identifier}_{ct:04d}{ending}", folder / f"{identifier}_{pet:04d}{ending}")


def _check(sources: Sequence[CaseSources]) -> None:
    missing = list(_missing(sources))
    if missing:
        more = ["    ..."] * (len(missing) > _NAMED_FILES)
        raise InputError(
            "\n".join(
                [
                    f"{len(missing)} files for the viewer are not there. If they have moved, give the folder of the "
                    "images with --images, or run nnUNetv2_cipa compare again where the predictions are now.",
                    *(f"    {file}" for file in missing[:_NAMED_FILES]),
                    *more,
                ]
            )
        )


def _missing(sources: Sequence[CaseSources]) -> Iterator[Path]:
    return (file for case in sources for file in case.files if not file.is_file())
