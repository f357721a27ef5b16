"""One case of an ensemble: its members' disagreement, and where there is a reference, how good it is."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.probabilities import Classes, Probabilities, read_geometry, read_probabilities

from .calibration import Reliabilities, reliabilities
from .disagreement import entropy, pairwise_dice
from .maps import write_map
from .reference import References
from .temperature import scaled


@dataclass(frozen=True)
class Judged:
    """How good the mean of the members is.

    Attributes:
        dice: Dice of each class; 1 where it and the reference are both empty.
        reliabilities: Of the probability of foreground.
    """

    dice: Mapping[str, float]
    reliabilities: Reliabilities

    @property
    def mean_dice(self) -> float:
        """Over the classes."""
        return math.fsum(self.dice.values()) / len(self.dice)


@dataclass(frozen=True)
class TrustedCase:
    """What is known about one case.

    Attributes:
        identifier: nnU-Net's.
        agreement: Mean Dice between pairs of members, of each class; 1 where all are empty.
        entropy: Mean over the pixels that at least one member calls foreground, in bits; NaN where none does.
        foreground_pixels: Of the mean of the members.
        judged: None without a reference.
    """

    identifier: str
    agreement: Mapping[str, float]
    entropy: float
    foreground_pixels: int
    judged: Judged | None

    @property
    def score(self) -> float:
        """Trust, from 0 to 1: the agreement, mean over the classes."""
        return math.fsum(self.agreement.values()) / len(self.agreement)


def highest_entropy(classes: Classes) -> float:
    """The highest entropy that a pixel can have, in bits."""
    return 1.0 if classes.has_regions else math.log2(classes.channels)


def read_case(
    identifier: str,
    files: tuple[Path, ...],
    classes: Classes,
    *,
    temperature: float = 1.0,
    references: References | None = None,
    maps: Path | None = None,
    probabilities: Path | None = None,
) -> TrustedCase:
    """Read a case's probabilities, and write what is asked for.

    Masks are those of the probabilities as they are; only entropy and calibration know of the temperature.

    Args:
        identifier: The case's.
        files: Of each member.
        classes: What they mean.
        temperature: At which the members' probabilities are taken.
        references: To judge it by.
        maps: Folder for a map of the entropy of the members' mean.
        probabilities: Folder for that mean, in nnU-Net's form.

    Raises:
        InputError: files are unreadable or do not fit each other.
    """
    exclusive = not classes.has_regions
    plain: Probabilities = np.zeros(1, dtype=np.float32)
    tempered: Probabilities = plain
    masks: list[NDArray[np.bool_]] = []
    for file in files:
        member = read_probabilities(file, classes)
        if masks and member.shape != plain.shape:
            raise InputError(f"{file} has the shape {member.shape}, {files[0]} has {plain.shape}.")
        masks.append(classes.masks(classes.segmentation(member)))
        plain = np.add(plain, member / np.float32(len(files)))
        tempered = np.add(tempered, scaled(member, temperature, exclusive=exclusive) / np.float32(len(files)))
    predicted = classes.masks(classes.segmentation(plain))
    doubt = entropy(tempered, exclusive=exclusive)
    if maps is not None:
        write_map(maps, identifier, doubt, read_geometry(files[0]), highest_entropy(classes))
    if probabilities is not None:
        np.savez_compressed(probabilities / f"{identifier}.npz", probabilities=tempered)
        properties = files[0].with_suffix(".pkl")
        (probabilities / properties.name).write_bytes(properties.read_bytes())
    anyone = np.any(masks, axis=(0, 1))
    return TrustedCase(
        identifier,
        {name: pairwise_dice([mask[index] for mask in masks]) for index, name in enumerate(classes.names)},
        float(doubt[anyone].mean()) if anyone.any() else math.nan,
        int(np.count_nonzero(predicted.any(axis=0))),
        None if references is None else _judge(identifier, tempered, predicted, classes, references),
    )


def _judge(
    identifier: str, mean: Probabilities, predicted: NDArray[np.bool_], classes: Classes, references: References
) -> Judged:
    """Compare with the reference, where pixels count."""
    labels, counted = references.read(identifier, mean.shape[1:])
    truth = classes.masks(labels)
    foreground = classes.any_foreground(mean)[counted].clip(0, 1)
    is_foreground = classes.union(labels)[counted]
    return Judged(
        {
            name: pairwise_dice([truth[index] & counted, predicted[index] & counted])
            for index, name in enumerate(classes.names)
        },
        reliabilities(foreground, is_foreground),
    )
