"""What a run can add to its predictions: whether they can be trusted, and masks by a rule from the cross-validation."""

from pathlib import Path

from nnunetv2_cipa.dataset_conversion.converters import CaseCounts
from nnunetv2_cipa.steps import Step
from nnunetv2_cipa.timing.work import Work

from .experiment import BestModel, Experiment
from .prediction import beside, prediction
from .workspace import Workspace, our_command, processes

TRUST, TUNING = "trust", "determine_postprocessing"


def folder_of(workspace: Workspace) -> Path:
    """Where it is told which cases to look at first."""
    return workspace.folder / "trust"


def members(workspace: Workspace, experiment: Experiment, cases: CaseCounts, best: BestModel) -> list[Step]:
    """A prediction by each fold of each of the best models apart, and where they disagree.

    It takes as long as their predictions together do, and the disk has the probabilities of each.
    """
    steps = [
        prediction(workspace, model, (fold,), cases, probabilities=True, alone=True)
        for model in best.models
        for fold in experiment.folds
    ]
    folders = tuple(str(step.output.paths[0]) for step in steps)
    command: tuple[str, ...] = (*our_command("trust"), "-i", *folders, "-o", str(folder_of(workspace)))
    reads: tuple[Path, ...] = ()
    if cases.test_labels:
        reads = (workspace.raw / "labelsTs",)
        command += ("-ref", str(reads[0]))
    needs = tuple(step.name for step in steps)
    work = Work(cases.test * len(steps))
    return [*steps, Step(TRUST, command, processes(), needs, reads, beside(folder_of(workspace)), work)]


def tuning(workspace: Workspace, experiment: Experiment, best: BestModel, selection: str, validated: int) -> Step:
    """The rule that is best in the cross-validation of the best models, whose probabilities are averaged.

    Args:
        workspace: places.
        experiment: folds, patients and measure.
        best: what nnU-Net has chosen.
        selection: name of the step that has.
        validated: number of cases.
    """
    models = tuple(str(workspace.results / model.folder_name) for model in best.models)
    command: tuple[str, ...] = (*our_command(TUNING), "-m", *models, "-ref", str(workspace.raw / "labelsTr"))
    command += ("-o", str(_rule(workspace)), "--measure", str(experiment.tuned_for))
    command += ("-f", *map(str, experiment.folds), *experiment.patients_words)
    reads = () if experiment.patients is None else (experiment.patients,)
    work = Work(validated * len(models))
    return Step(TUNING, command, processes(), (selection,), reads, beside(_rule(workspace)), work)


def tuned_masks(workspace: Workspace, source: Path, needs: tuple[str, ...], cases: CaseCounts) -> Step:
    """The final masks, by that rule.

    Args:
        workspace: places.
        source: folder of probabilities.
        needs: names of the steps that have made them.
        cases: of the dataset.
    """
    final = workspace.predictions("final")
    command: tuple[str, ...] = (*our_command("apply_postprocessing"), "-i", str(source), "-o", str(final))
    command += ("-pp", str(_rule(workspace)))
    return Step("postprocess", command, processes(), (*needs, TUNING), output=beside(final), work=Work(cases.test))


def _rule(workspace: Workspace) -> Path:
    return workspace.folder / "postprocessing.json"
