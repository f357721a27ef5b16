"""Whether what is preprocessed is still what the raw dataset holds: by content, whoever changed it and whenever.

nnU-Net keeps a copy of the labels, which tells changed ones. Of images it keeps nothing but what came out: where they
are newer than that, a sample is preprocessed again by nnU-Net's own preprocessor and compared. What was found to be up
to date is written down beside the preprocessed data, as digests, so that later changes are found by them.
"""

import contextlib
import filecmp
import hashlib
import io
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.files import new_file

from .plans import CONFIGURATION_2D, read_planned_json
from .raw_dataset import RawDataset, read_raw_dataset

DIGESTS_FILE = "cipa_raw_content.json"
MOST_COMPARED = 24
_GROUND_TRUTH = "gt_segmentations"


def refuse_outdated(raw: Path, preprocessed: Path, plans: str) -> None:
    """Make sure that preprocessed data are those of the raw dataset as it is now.

    Args:
        raw: the dataset's folder in nnUNet_raw.
        preprocessed: its folder in nnUNet_preprocessed.
        plans: name of the plans that it was preprocessed with.

    Raises:
        InputError: they are not; the message has cases and the command that preprocesses them again.
    """
    changes = changed_cases(raw, preprocessed, plans)
    if not changes:
        return
    shown = [f"    {case}: {what}" for case, what in list(changes.items())[:10]]
    planning = f"nnUNetv2_plan_and_preprocess -d {int(raw.name[7:10])} -c {CONFIGURATION_2D} --clean"
    raise InputError(
        "\n".join(
            [
                f"{preprocessed} was preprocessed from other data than {raw} holds now ({len(changes)} cases):",
                *shown,
                *(["    ..."] if len(changes) > len(shown) else []),
                "Preprocess again, without the old copy of the labels, which nnU-Net does not always replace:",
                f"    rm -r {preprocessed / _GROUND_TRUTH} && {planning}",
            ]
        )
    )


def changed_cases(raw: Path, preprocessed: Path, plans: str) -> dict[str, str]:
    """Training cases that are not as they were when they were preprocessed, and in what.

    Raises:
        InputError: dataset.json or the plans are not fit to be read.
    """
    dataset = read_raw_dataset(raw)
    configuration = read_planned_json(preprocessed / f"{plans}.json")["configurations"].get(CONFIGURATION_2D)
    if configuration is None or not (folder := preprocessed / configuration["data_identifier"]).is_dir():
        return {}
    stored = {file.name.removesuffix(".pkl"): file for file in sorted(folder.glob("*.pkl"))}
    cases = dataset.training_cases
    changes = dict.fromkeys((case for case in stored if case not in set(cases)), "is no longer there")
    changes |= {case: "is new" for case in cases if case not in stored}
    known = [case for case in cases if case in stored]
    for case in known:
        copy = preprocessed / _GROUND_TRUTH / dataset.label("Tr", case).name
        if not copy.is_file() or not filecmp.cmp(dataset.label("Tr", case), copy, shallow=False):
            changes[case] = "another label"
    digests = _Digests(preprocessed / DIGESTS_FILE)
    newer = []
    for case in known:
        images = dataset.images("Tr", case)
        if digests.know(images, since=stored[case]):
            if digests.differ(images):
                changes[case] = "another image"
        elif any(_changed_at(image) > stored[case].stat().st_mtime for image in images):
            newer.append(case)
    newer = [case for case in newer if case not in changes]
    sample = [newer[index] for index in np.linspace(0, len(newer) - 1, min(len(newer), MOST_COMPARED), dtype=int)]
    changes |= dict.fromkeys(_differing(sample, dataset, preprocessed, plans, folder), "another image")
    if not changes:
        digests.write(image for case in known for image in dataset.images("Tr", case))
    return changes


def _differing(
    cases: Sequence[str], dataset: RawDataset, preprocessed: Path, plans: str, folder: Path
) -> Iterator[str]:
    """Those of some cases that nnU-Net's preprocessor now makes other arrays of."""
    if not cases:
        return
    from nnunetv2.training.dataloading.nnunet_dataset import infer_dataset_class
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    manager = PlansManager(str(preprocessed / f"{plans}.json"))
    configuration = manager.get_configuration(CONFIGURATION_2D)
    dataset_json = read_planned_json(dataset.folder / "dataset.json")
    stored = infer_dataset_class(str(folder))(str(folder), list(cases))
    preprocessor = configuration.preprocessor_class(verbose=False)
    for case in cases:
        images = [str(image) for image in dataset.images("Tr", case)]
        label = str(dataset.label("Tr", case))
        with contextlib.redirect_stdout(io.StringIO()):
            new, _, _ = preprocessor.run_case(images, label, manager, configuration, dataset_json)
        old = np.asarray(stored.load_case(case)[0])
        if old.shape != new.shape or not np.allclose(old, new, rtol=1e-3, atol=1e-3):
            yield case


def _changed_at(file: Path) -> float:
    """When a file was written or put in its place, in seconds since 1970; 0 if it is not there."""
    return max(file.stat().st_mtime, file.stat().st_ctime) if file.is_file() else 0.0


class _Digests:
    """Size, time and SHA-256 of raw images, as they were when they were found to be those that are preprocessed."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, list[Any]] = {}
        self._written = 0.0
        if file.is_file():
            with contextlib.suppress(ValueError):  # without it images are compared
                self._known = json.loads(file.read_text(encoding="utf-8"))
                self._written = file.stat().st_mtime

    def know(self, images: Sequence[Path], since: Path) -> bool:
        """Whether the images were written down after something was made of them."""
        return self._written >= since.stat().st_mtime and all(image.name in self._known for image in images)

    def differ(self, images: Sequence[Path]) -> bool:
        """Whether any has another content now."""
        return any(not image.is_file() or self._state(image)[2] != self._known[image.name][2] for image in images)

    def write(self, images: Iterator[Path]) -> None:
        """Write images down, where that is possible: without it the next start compares again."""
        states = {image.name: self._state(image) for image in images}
        if os.access(self._file.parent, os.W_OK):
            with new_file(self._file, overwrite=True) as file:
                file.write_text(json.dumps(states), encoding="utf-8")

    def _state(self, image: Path) -> list[Any]:
        status = image.stat()
        known = self._known.get(image.name)
        if known is not None and known[:2] == [status.st_size, status.st_mtime_ns]:
            return known
        return [status.st_size, status.st_mtime_ns, hashlib.sha256(image.read_bytes()).hexdigest()]
