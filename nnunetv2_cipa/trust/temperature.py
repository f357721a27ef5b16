"""Temperature scaling (Guo et al. 2017): one number that makes probabilities as certain as they are right.

A network's logits z become z / T; in probabilities that is p^(1/T), normalised anew, so that saved probabilities are
all it takes. T above 1 makes them less certain, below 1 more. The most probable class stays, so that masks have no
temperature.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.probabilities import Probabilities

_SMALLEST = 1e-7  # a probability that was rounded to 0
_CERTAIN = 0.99
_ALL_OF = 100_000
_ONE_IN = 100
_LARGEST_TEMPERATURE = 20.0


@dataclass(frozen=True)
class PixelSample:
    """Pixels to fit a temperature on.

    Attributes:
        log_probabilities: `(N, channels)`.
        truth: Channel of the true class, `(N,)`.
        weights: How many pixels each stands for, `(N,)`.
    """

    log_probabilities: NDArray[np.float32]
    truth: NDArray[np.int64]
    weights: NDArray[np.float64]


def scaled(probabilities: Probabilities, temperature: float, *, exclusive: bool = True) -> Probabilities:
    """Probabilities `(channels, ...)` at another temperature.

    Args:
        probabilities: At temperature 1.
        temperature: Above 0.
        exclusive: Channels add up to 1; else each is a region with a probability of its own.
    """
    if temperature == 1:
        return probabilities
    if not exclusive:
        both = np.stack([probabilities, 1 - probabilities])
        return scaled(both, temperature)[0]
    logits = np.log(np.maximum(probabilities, _SMALLEST)) / temperature
    exponentials = np.exp(logits - logits.max(axis=0))
    return np.asarray(exponentials / exponentials.sum(axis=0), dtype=np.float32)


def sample_pixels(
    probabilities: Probabilities, truth: NDArray[np.integer], counted: NDArray[np.bool_] | None = None
) -> PixelSample:
    """Pixels of one image to fit a temperature on: all of a slice, a sample of a volume that stands for all of it.

    A volume's pixels are drawn in two classes. All are taken in which the network is wrong or less than 99 % certain;
    of the others, which tell little and are most, one in a hundred, with a hundredfold weight.

    Args:
        probabilities: `(channels, ...)`, adding up to 1.
        truth: Channel of the true class, of the shape of a channel.
        counted: Pixels that count; None if all do.
    """
    counts = np.ones(truth.size, dtype=bool) if counted is None else counted.ravel()
    values, channels = probabilities.reshape(len(probabilities), -1)[:, counts], truth.ravel()[counts]
    weights = np.ones(channels.size)
    if channels.size > _ALL_OF:
        of_truth = np.take_along_axis(values, channels[np.newaxis], axis=0)[0]
        easy = np.flatnonzero(of_truth >= _CERTAIN)
        drawn = np.random.default_rng(0).permutation(easy)[: max(1, easy.size // _ONE_IN)]
        weights[drawn] = easy.size / max(drawn.size, 1)
        kept = np.concatenate([np.flatnonzero(of_truth < _CERTAIN), drawn])
        values, channels, weights = values[:, kept], channels[kept], weights[kept]
    logs = np.log(np.maximum(values.T, _SMALLEST))
    return PixelSample(logs.astype(np.float32), channels.astype(np.int64), weights)


def fit_temperature(samples: Sequence[PixelSample]) -> float:
    """The temperature at which the true classes have the highest likelihood.

    Raises:
        InputError: there are no pixels.
    """
    logs = np.concatenate([sample.log_probabilities for sample in samples]) if samples else np.zeros((0, 2))
    if not len(logs):
        raise InputError("A temperature needs pixels to be fitted on: there are none that count.")
    truth = np.concatenate([sample.truth for sample in samples])
    weights = np.concatenate([sample.weights for sample in samples])

    def loss(log_temperature: float) -> float:
        logits = logs.astype(np.float64) / np.exp(log_temperature)
        highest = logits.max(axis=1)
        normalizer = highest + np.log(np.exp(logits - highest[:, np.newaxis]).sum(axis=1))
        return float(weights @ (normalizer - np.take_along_axis(logits, truth[:, np.newaxis], axis=1)[:, 0]))

    limit = float(np.log(_LARGEST_TEMPERATURE))
    return float(np.exp(minimize_scalar(loss, bounds=(-limit, limit), method="bounded", options={"xatol": 1e-6}).x))
