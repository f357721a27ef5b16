"""Free response of models: how many lesions each finds at the price of how many false ones, with intervals."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nnunetv2_cipa.evaluation.overlap import Numbers
from nnunetv2_cipa.quantities.free_response import FIGURES, Tally

from .comparison import ComparedModel
from .statistics import Interval, Settings, bootstrap_interval


def free_response_figures(models: Sequence[ComparedModel], settings: Settings) -> dict[str, dict[str, Interval]]:
    """Sensitivities of each model by the names of `FIGURES`, means over its runs; none where no reference has a lesion.

    Several runs of a model are averaged before patients are drawn.
    """
    if models[0].evaluation.free_response is None:
        return {}
    return {model.name: {name: _figure(model, rates, settings) for name, rates in FIGURES.items()} for model in models}


def _figure(model: ComparedModel, rates: Sequence[float], settings: Settings) -> Interval:
    tallies = [Tally([patient.candidates for patient in run.evaluation.patients]) for run in model.runs]
    patients = len(model.evaluation.patients)

    def statistic(drawn: Numbers) -> Numbers:
        times = _times_drawn(drawn.astype(np.int64), patients)
        return np.asarray(np.mean([tally.curve(times).sensitivity_at(*rates) for tally in tallies], axis=0))

    return bootstrap_interval([np.arange(patients)], statistic, settings, defined=patients)


def _times_drawn(drawn: NDArray[np.int64], patients: int) -> Numbers:
    """How often each patient is in each sample: `(..., patients)` of numbers of patients `(..., drawn)`."""
    samples = drawn.reshape(-1, drawn.shape[-1])
    places = samples + patients * np.arange(len(samples))[:, np.newaxis]
    times = np.bincount(places.ravel(), minlength=patients * len(samples))
    return times.reshape(*drawn.shape[:-1], patients).astype(np.float64)
