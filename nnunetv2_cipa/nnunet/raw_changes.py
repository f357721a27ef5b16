"""Whether what is preprocessed is still what the raw dataset holds: by content, whoever changed it and whenever.

nnU-Net keeps a copy of the labels, which tells changed ones. Of images it keeps nothing but what came out: where a case
is newer than that, a sample is preprocessed again by nnU-Net's own preprocessor and compared. What was found to be up
to date is written down beside the preprocessed data, as digests, so that later changes are found by them.
"""

import contextlib
import filecmp
import hashlib
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.files import file_state, new_file

from .plans import CONFIGURATION_2D, read_planned_json
from .raw_dataset import read_raw_dataset

DIGESTS_FILE = "cipa_raw_content.json"
MOST_COMPARED = 24
_SETTINGS = ("channel_names", "labels", "regions_class_order", "modalities")
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
    settings = changed_settings(raw, preprocessed)
    if settings == ["modalities"]:  # nothing is preprocessed by them
        raise InputError(
            f"{raw / 'dataset.json'} has other modalities than its copy, which trainings read. Copy it:\n"
            f"    cp {raw / 'dataset.json'} {preprocessed / 'dataset.json'}"
        )
    changes = changed_cases(raw, preprocessed, plans)
    if settings:
        changes = {"dataset.json": f"other {' and '.join(settings)}", **changes}
    if not changes:
        return
    shown = [f"    {case}: {what}" for case, what in list(changes.items())[:10]]
    planning = f"nnUNetv2_plan_and_preprocess -d {int(raw.name[7:10])} -c {CONFIGURATION_2D} --clean"
    raise InputError(
        "\n".join(
            [
                f"{preprocessed} was preprocessed from other data than {raw} holds now ({len(changes)} differences):",
                *shown,
                *(["    ..."] if len(changes) > len(shown) else []),
                "Preprocess again, without the old copy of the labels, which nnU-Net does not always replace:",
                f"    rm -r {preprocessed / _GROUND_TRUTH} && {planning}",
            ]
        )
    )


def changed_settings(raw: Path, preprocessed: Path) -> list[str]:
    """What of dataset.json has changed since it was copied beside the preprocessed data, of what trainings depend on.

    A copy that was edited later is what its user wants to be trained on.

    Raises:
        InputError: one of the two is not fit to be read.
    """
    file, copy = raw / "dataset.json", preprocessed / "dataset.json"
    if not copy.is_file() or _changed_at(copy) > _changed_at(file):
        return []
    now, then = read_planned_json(file), read_planned_json(copy)
    return [key for key in _SETTINGS if now.get(key) != then.get(key)]


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
    files = dataset.training_files()
    changes = dict.fromkeys((case for case in stored if case not in files), "is no longer there")
    changes |= {case: "is new" for case in files if case not in stored}
    known = {case: files[case] for case in sorted(files) if case in stored}
    for case, (_, label) in known.items():
        copy = preprocessed / _GROUND_TRUTH / f"{case}{dataset.file_ending}"
        if not (label.is_file() and copy.is_file() and filecmp.cmp(label, copy, shallow=False)):
            changes[case] = "another label"
    digests = _Digests(preprocessed / DIGESTS_FILE)
    newer = []
    for case, (images, label) in known.items():
        if case in changes:
            continue
        if digests.know([*images, label], since=stored[case]):
            if digests.differ([*images, label]):
                changes[case] = "another image"
        elif any(_changed_at(file) > stored[case].stat().st_mtime for file in (*images, label)):
            newer.append(case)
    sample = [newer[index] for index in np.linspace(0, len(newer) - 1, min(len(newer), MOST_COMPARED), dtype=int)]
    changes |= _differing(sample, files, preprocessed, plans, folder)
    if not changes:
        digests.write(file for images, label in known.values() for file in (*images, label))
    return changes


def _differing(
    cases: Sequence[str], files: Mapping[str, tuple[list[Path], Path]], preprocessed: Path, plans: str, folder: Path
) -> dict[str, str]:
    """Those of some cases that nnU-Net's preprocessor now makes other arrays of, and in what."""
    if not cases:
        return {}
    from nnunetv2.training.dataloading.nnunet_dataset import infer_dataset_class
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    manager = PlansManager(str(preprocessed / f"{plans}.json"))
    configuration = manager.get_configuration(CONFIGURATION_2D)
    dataset_json = read_planned_json(preprocessed / "dataset.json")
    dataset = infer_dataset_class(str(folder))(str(folder), list(cases))
    preprocessor = configuration.preprocessor_class(verbose=False)
    differing: dict[str, str] = {}
    for case in cases:
        images, label = [str(image) for image in files[case][0]], str(files[case][1])
        with contextlib.redirect_stdout(io.StringIO()):
            new = preprocessor.run_case(images, label, manager, configuration, dataset_json)
        for what, now, stored in zip(("image", "label"), new, dataset.load_case(case), strict=False):
            then = np.asarray(stored)
            if then.shape != now.shape or not np.allclose(then, now, rtol=1e-3, atol=1e-3):
                differing.setdefault(case, f"another {what}")
    return differing


def _changed_at(file: Path) -> float:
    """When a file was written or put in its place, in seconds since 1970; 0 if it is not there."""
    return max(file.stat().st_mtime, file.stat().st_ctime) if file.is_file() else 0.0


class _Digests:
    """Size, times and SHA-256 of raw files, as they were when they were found to be those that are preprocessed."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, list[Any]] = {}
        self._written = 0.0
        if file.is_file():
            with contextlib.suppress(ValueError):  # without it images are compared
                self._known = json.loads(file.read_text(encoding="utf-8"))
                self._written = file.stat().st_mtime

    def know(self, files: Sequence[Path], since: Path) -> bool:
        """Whether the files were written down after something was made of them."""
        return self._written >= since.stat().st_mtime and all(file.name in self._known for file in files)

    def differ(self, files: Sequence[Path]) -> bool:
        """Whether any has another content now."""
        return any(not file.is_file() or self._state(file)[-1] != self._known[file.name][-1] for file in files)

    def write(self, files: Iterator[Path]) -> None:
        """Write files down, where that is possible: without it the next start compares again."""
        states = {file.name: self._state(file) for file in files}
        if os.access(self._file.parent, os.W_OK):
            with new_file(self._file, overwrite=True) as target:
                target.write_text(json.dumps(states), encoding="utf-8")

    def _state(self, file: Path) -> list[Any]:
        state = file_state(file)
        known = self._known.get(file.name)
        if known is not None and known[:-1] == state:
            return known
        return [*state, hashlib.sha256(file.read_bytes()).hexdigest()]
