"""What follows the predictions: submission, evaluation, comparison and report."""

from pathlib import Path

from nnunetv2_cipa.dataset_conversion.converters import CaseCounts
from nnunetv2_cipa.nnunet.plans import OWN_PLANS
from nnunetv2_cipa.nnunet.raw_dataset import read_raw_dataset
from nnunetv2_cipa.steps import Output, Step, Writing
from nnunetv2_cipa.timing.work import Work

from . import preparation
from .experiment import Experiment, Model, SubmissionForm
from .predictions import TRUST, beside, prediction_name, trust_folder
from .trainings import SELECTION, validation_cases
from .workspace import Workspace, our_command, processes

SECONDS_FOR_REPORTING = 60.0


def results(workspace: Workspace, experiment: Experiment, cases: CaseCounts) -> list[Step]:
    """Submission, evaluation, comparison, report: of the test set where it has labels, else of the cross-validation."""
    folder, raw = workspace.folder, workspace.raw
    of_patients = preparation.patients_files(workspace, experiment)
    labels = tuple(map(str, experiment.labels))
    reading = ("-djfile", str(raw / "dataset.json"), *(("-l", *labels) if labels else ()))
    reading += experiment.patients_words
    final = str(workspace.predictions("final"))
    comparison = folder / "comparison"
    compare: tuple[str, ...] = (*our_command("compare"), "-o", str(comparison), "--no_costs")
    compare += workspace.dataset_options(experiment.folds)
    compare += ("-tr", *(f"{model.competitor}={_compared(model)}" for model in experiment.models))
    needs, compared = [SELECTION], sum(validation_cases(workspace, experiment, cases).values())
    steps: list[Step] = []
    if cases.test:
        needs.append("postprocess")
        steps += _submission(workspace, experiment, cases)
    if cases.test and cases.test_labels:
        reference = ("-ref", str(raw / "labelsTs"))
        reads = (raw / "labelsTs", *of_patients)
        evaluated = (folder / "evaluation.json", folder / "evaluation.csv")
        command = (*our_command("evaluate"), *reference, "-pred", final, "-o", str(evaluated[0]), *reading)
        output, work = Output(evaluated), Work(cases.test)
        steps.append(Step("evaluate", command, processes(), ("postprocess",), reads, output, work))
        needs += map(prediction_name, experiment.models)
        folders = [f"{model.competitor}={workspace.predictions(model.name)}" for model in experiment.models]
        compare += (*reference, "--predictions", *folders, f"best={final}")
        compared = cases.test
    else:
        reads = of_patients
    output, work = beside(comparison), Work(compared * len(experiment.models))
    steps.append(Step("compare", (*compare, *reading), processes(), tuple(needs), reads, output, work))
    trust = trust_folder(workspace) if experiment.members and cases.test else None
    steps.append(page_of(comparison, folder / "report.html", trust))
    return steps


def submission_form(workspace: Workspace, experiment: Experiment) -> SubmissionForm:
    """The form that is asked for, else the one that fits: run lengths of slices, NIfTI of volumes."""
    if experiment.submission is not None:
        return experiment.submission
    of_volumes = workspace.is_converted and not read_raw_dataset(workspace.raw).is_of_slices
    return "nii.gz" if of_volumes else "csv"


def _submission(workspace: Workspace, experiment: Experiment, cases: CaseCounts) -> list[Step]:
    form = submission_form(workspace, experiment)
    if form == "none":
        return []
    target = workspace.folder / ("submission.csv" if form == "csv" else "submission")
    final = str(workspace.predictions("final"))
    command: tuple[str, ...] = (*our_command("submission"), "-i", final, "-o", str(target))
    command += ("-djfile", str(workspace.raw / "dataset.json"))
    command += ("--format", form) if form != "csv" else ()
    command += ("-l", *map(str, experiment.labels)) if experiment.labels else ()
    reads: tuple[Path, ...] = ()
    if form == "csv" and experiment.sample is not None:
        reads = (experiment.sample.file,)
        command += ("--sample", str(experiment.sample.file))
    if form == "nii.gz" and read_raw_dataset(workspace.raw).is_of_slices:
        reads = preparation.patients_files(workspace, experiment)  # whose slices are stacked
        command += tuple(word for file in reads for word in ("--patients", str(file)))
    return [Step("submission", command, (), ("postprocess",), reads, beside(target), Work(cases.test))]


def page_of(comparison: Path, report: Path, trust: Path | None = None) -> Step:
    """The report of a comparison, and of an ensemble's trust, if there is any.

    Many cases are in a folder next to the page, which the command puts there itself.
    """
    command: tuple[str, ...] = (*our_command("report"), "-i", str(comparison / "comparison.json"), "-o", str(report))
    needs: tuple[str, ...] = ("compare",)
    if trust is not None:
        command, needs = (*command, "--trust", str(trust)), (*needs, TRUST)
    output = Output((report, report.with_name(f"{report.stem}_files")), Writing.REPLACED, (report,))
    options, work = ("--overwrite", *processes()), Work(fixed_seconds=SECONDS_FOR_REPORTING)
    return Step("report", command, options, needs, output=output, work=work)


def _compared(model: Model) -> str:
    """A model as `compare` takes it beside `-p`: seeds are runs of one model, under its trainer's name."""
    return model.trainer if model.plans == OWN_PLANS else model.folder_name
