"""A dataset in nnU-Net's raw format: its cases, its labels, and whether these are slices or volumes."""

import contextlib
import io
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.files import read_json


@dataclass(frozen=True)
class RawDataset:
    """What dataset.json and the names of files say.

    Attributes:
        folder: `nnUNet_raw/DatasetXXX_NAME`.
        file_ending: with the dot.
        channels: number of images of a case.
        foreground: values of the labels, background and ignored ones left out.
    """

    folder: Path
    file_ending: str
    channels: int
    foreground: tuple[int, ...]

    def training_files(self) -> dict[str, tuple[list[Path], Path]]:
        """Images, one a channel, and label of each training case: of imagesTr and labelsTr, or as dataset.json says."""
        content = read_json(self.folder / "dataset.json")
        if "dataset" in content:
            from nnunetv2.utilities.utils import get_filenames_of_train_images_and_targets

            files = get_filenames_of_train_images_and_targets(str(self.folder), content)
            return {case: ([Path(one) for one in files[case]["images"]], Path(files[case]["label"])) for case in files}
        labels = self.folder / "labelsTr"
        images = self._images("imagesTr")
        return {case: (of_case, labels / f"{case}{self.file_ending}") for case, of_case in images.items()}

    @property
    def training_cases(self) -> list[str]:
        """Case identifiers of the training set, sorted."""
        return sorted(self.training_files())

    @property
    def test_cases(self) -> list[str]:
        """Case identifiers of imagesTs, sorted; none where that is not there."""
        return list(self._images("imagesTs"))

    @property
    def unlabelled_test_cases(self) -> list[str]:
        """Cases of imagesTs that labelsTs lacks."""
        labels = self.folder / "labelsTs"
        return [case for case in self.test_cases if not (labels / f"{case}{self.file_ending}").is_file()]

    def test_images(self, case: str) -> list[Path]:
        """Images of a test case, one a channel, whether they are there or not."""
        names = (f"{case}_{channel:04d}{self.file_ending}" for channel in range(self.channels))
        return [self.folder / "imagesTs" / name for name in names]

    @property
    def is_of_slices(self) -> bool:
        """Whether a case is a picture of two dimensions, as PNG has them, by the reader that nnU-Net chooses."""
        from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO

        return self._reader() is NaturalImage2DIO

    def pixels(self) -> int:
        """Pixels of a channel of the first training case.

        Raises:
            InputError: there is none, or it cannot be read.
        """
        files = self.training_files()
        if not files:
            raise InputError(f"{self.folder / 'imagesTr'} has no images named CASE_0000{self.file_ending}.")
        first = str(files[min(files)][0][0])
        try:
            return int(self._reader()().read_images([first])[0][0].size)
        except Exception as error:  # each reader raises what its libraries do
            raise InputError(f"{first} cannot be read: {str(error).strip().splitlines()[-1]}") from error

    def _images(self, name: str) -> dict[str, list[Path]]:
        """Images of each case, in their order; nnU-Net's own search starts twelve processes for that."""
        folder, images = self.folder / name, defaultdict[str, list[Path]](list)
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            if file.name.endswith(self.file_ending):
                images[file.name.removesuffix(self.file_ending)[: -len("_0000")]].append(file)
        return dict(sorted(images.items()))

    def _reader(self) -> type[Any]:
        from nnunetv2.imageio.reader_writer_registry import determine_reader_writer_from_dataset_json

        with contextlib.redirect_stdout(io.StringIO()):  # it tells what it has chosen
            reader: type[Any] = determine_reader_writer_from_dataset_json(read_json(self.folder / "dataset.json"), None)
        return reader


def read_raw_dataset(folder: Path) -> RawDataset:
    """Read a dataset's dataset.json.

    Raises:
        InputError: it is not there, or is none of nnU-Net v2.
    """
    content = read_json(folder / "dataset.json")
    try:
        labels = {name: value if isinstance(value, list) else [value] for name, value in content["labels"].items()}
        known = [int(value) for name, values in labels.items() if name != "ignore" for value in values]
        foreground = tuple(sorted({value for value in known if value != 0}))
        return RawDataset(folder, str(content["file_ending"]), len(content["channel_names"]), foreground)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{folder / 'dataset.json'} is none of nnU-Net v2's: look at {error}.") from error
