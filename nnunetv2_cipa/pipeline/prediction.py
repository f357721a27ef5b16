"""A prediction of the test set as a step."""

from collections.abc import Sequence
from pathlib import Path

from nnunetv2_cipa.dataset_conversion.converters import CaseCounts
from nnunetv2_cipa.steps import Output, Step, Writing
from nnunetv2_cipa.timing.work import Prediction

from .experiment import Model
from .training_step import training_name
from .workspace import Workspace, few_cores, stock_command


def prediction_name(model: Model, fold: int | None = None) -> str:
    """Name of a prediction's step: by all folds of a model together, or by one alone."""
    return f"predict_{model.name}" if fold is None else f"predict_{model.name}_fold{fold}_alone"


def prediction(
    workspace: Workspace,
    model: Model,
    folds: Sequence[int],
    cases: CaseCounts,
    *,
    probabilities: bool,
    alone: bool = False,
) -> Step:
    """A prediction by some folds of a model, whose probabilities are averaged.

    Args:
        workspace: places and device.
        model: that is trained.
        folds: of it.
        cases: of the dataset.
        probabilities: are kept.
        alone: the one fold is a member of an ensemble, apart from others.
    """
    name = prediction_name(model, folds[0] if alone else None)
    target = workspace.predictions(name.removeprefix("predict_"))
    command = (stock_command("nnUNetv2_predict"), "-i", str(workspace.raw / "imagesTs"), "-o", str(target))
    few = ("-npp", "1", "-nps", "1") if few_cores() else ()
    return Step(
        name,
        (*command, *workspace.dataset_options(folds, model.plans), "-tr", model.trainer)
        + (("--save_probabilities",) if probabilities else ()),
        ("-device", workspace.device, *few),
        needs=tuple(training_name(model, fold) for fold in folds),
        reads=(workspace.raw / "imagesTs",),
        output=beside(target),
        work=Prediction(cases.test * len(folds), gpu=workspace.on_gpu, trainer=model.competitor),
    )


def beside(path: Path) -> Output:
    """Output that is written beside and moved."""
    return Output((path,), Writing.BESIDE)
