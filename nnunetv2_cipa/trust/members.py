"""The members of an ensemble: folders of probabilities for the same cases."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.probabilities import Classes, find_probabilities, read_classes


@dataclass(frozen=True)
class Members:
    """Probabilities of an ensemble's members.

    Attributes:
        classes: What they mean.
        files: One of each member, by case identifier.
    """

    classes: Classes
    files: dict[str, tuple[Path, ...]]


def find_members(folders: Sequence[Path], dataset_json: Path | None = None) -> Members:
    """Find what all members have predicted.

    Args:
        folders: One of each member, at least two, of predictions with probabilities.
        dataset_json: The dataset's; by default the copies that nnU-Net leaves among the predictions.

    Raises:
        InputError: there are less than two, one is given twice, they are of different cases or labels, or have no
            probabilities.
    """
    if len(folders) < 2:
        raise InputError(
            "Trust is read from the disagreement of an ensemble: give the folders of at least two members."
        )
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise InputError("A member is given twice: it would agree with itself.")
    found = [find_probabilities(folder) for folder in folders]
    everywhere = set.intersection(*(set(files) for files in found))
    lines = [
        f"{folder} has {len(lone)} cases that others lack: {', '.join(lone)}"
        for folder, files in zip(folders, found, strict=True)
        if (lone := sorted(files.keys() - everywhere))
    ]
    if lines:
        raise InputError("\n".join(["All members must have predicted the same cases.", *lines]))
    if dataset_json is not None:
        classes = read_classes(dataset_json)
    else:
        classes, *others = (read_classes(folder / "dataset.json") for folder in folders)
        for folder, other in zip(folders[1:], others, strict=True):
            if other != classes:
                raise InputError(f"{folder} was predicted for other labels than {folders[0]}: {dict(other.labels)}.")
    return Members(classes, {case: tuple(files[case] for files in found) for case in sorted(everywhere)})
