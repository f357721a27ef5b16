"""The steps before training, each a stock command: conversion, planning, a plan that fits, and its copies for seeds."""

from dataclasses import replace
from pathlib import Path

from nnunetv2_cipa.dataset_conversion.converters import CaseCounts
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.fold_checks import needs_patient_folds, training_patients
from nnunetv2_cipa.nnunet.folds import SPLITS_FILE
from nnunetv2_cipa.nnunet.patients import find_patients
from nnunetv2_cipa.nnunet.plans import CONFIGURATION_2D, OWN_PLANS, PLANNED, PRESETS, STOCK_PLANS
from nnunetv2_cipa.steps import Ledger, Output, Step, Writing
from nnunetv2_cipa.timing.work import Work

from .experiment import Experiment, plans_of_seed, seed_words
from .workspace import Workspace, few_cores, our_command, processes, stock_command

FOLDS = "plan_folds"


def conversion(workspace: Workspace, cases: CaseCounts) -> list[Step]:
    """Conversion to nnU-Net's raw format, unless the data are in it."""
    source = workspace.source
    if source.converter is None:
        return []
    command = (*our_command(source.converter.command), "-i", str(source.folder), "-d", str(source.dataset_id))
    output = Output((workspace.raw,), Writing.REPLACED, (workspace.raw / "dataset.json",))
    options = ("--overwrite", *processes())
    return [Step("convert", command, options, reads=(source.folder,), output=output, work=_all(cases))]


def is_planned_already(workspace: Workspace, ledger: Ledger) -> bool:
    """Whether the user has planned the dataset, in an nnUNet_preprocessed of the user's own."""
    return ledger.last_start("plan") is None and (workspace.preprocessed / f"{STOCK_PLANS}.json").is_file()


def planning(workspace: Workspace, cases: CaseCounts) -> Step:
    """nnU-Net's planning and preprocessing. It is done again when images or labels have changed, whoever did that."""
    folder = workspace.preprocessed
    command = (stock_command("nnUNetv2_plan_and_preprocess"), "-d", str(workspace.source.dataset_id))
    names = ("dataset.json", "dataset_fingerprint.json", f"{STOCK_PLANS}.json", f"{STOCK_PLANS}_2d", "gt_segmentations")
    return Step(
        "plan",
        (*command, "-c", CONFIGURATION_2D, "--verify_dataset_integrity", "--clean"),
        ("-npfp", "1", "-np", "1") if few_cores() else (),
        needs=("convert",) if workspace.source.converter else (),
        reads=_training_data(workspace),
        output=Output((folder,), proof=tuple(folder / name for name in names)),
        work=_all(cases),
        environment={"nnUNet_n_proc_DA": "1"},  # the planner takes it for a number of threads, and fails with 0
    )


def folds_by_patient(
    workspace: Workspace, experiment: Experiment, ledger: Ledger, needs: tuple[str, ...]
) -> list[Step]:
    """Folds by patient, where nnU-Net would deal out the cases of patients who have several."""
    if ledger.last_start(FOLDS) is None:
        if not workspace.is_converted:
            return []
        patients, _ = training_patients(workspace.raw, experiment.patients)
        if not needs_patient_folds(workspace.raw, workspace.preprocessed, patients):
            return []
    command = (*our_command("plan_folds"), "-d", str(workspace.source.dataset_id), *experiment.patients_words)
    reads = patients_files(workspace, experiment)
    output = Output((workspace.preprocessed / SPLITS_FILE,))
    return [Step(FOLDS, command, needs=needs, reads=reads, output=output)]


def patients_files(workspace: Workspace, experiment: Experiment) -> tuple[Path, ...]:
    """The file that tells the patients of cases, if there is one."""
    file = experiment.patients or find_patients(workspace.raw)
    return () if file is None else (file,)


def plan_for_cipa(
    workspace: Workspace,
    experiment: Experiment,
    cases: CaseCounts,
    *,
    needs: tuple[str, ...] = ("plan",),
    seconds: float | None = None,
    planned_already: bool = False,
) -> Step:
    """The plan that fits CIPA, this machine and, where given, the seconds that are left."""
    folds, seeds = map(str, experiment.folds), seed_words(experiment.seeds)
    options = ["-device", workspace.device, "-tr", *experiment.trainers, "-f", *folds, "--seeds", *seeds]
    options += [*processes(), *experiment.patients_words, *(["--members"] if experiment.members else [])]
    if seconds is not None:
        options += ["--time-budget", f"{seconds:.0f}s"]
    own_data = (
        [workspace.preprocessed / f"{OWN_PLANS}_{CONFIGURATION_2D}"] if experiment.normalization != "stock" else []
    )
    makes = (workspace.plans_file, *own_data)
    return Step(
        plans_step(OWN_PLANS),
        (*our_command("plan"), "-d", str(workspace.source.dataset_id), "--normalization", experiment.normalization),
        tuple(options),
        needs=needs,
        reads=(*_training_data(workspace), workspace.preprocessed / f"{STOCK_PLANS}.json") if planned_already else (),
        output=Output(makes, proof=(workspace.plans_file,)),
        work=replace(_all(cases), gpu=workspace.on_gpu),
    )


def presets(workspace: Workspace, experiment: Experiment, ledger: Ledger, needs: tuple[str, ...]) -> list[Step]:
    """nnU-Net's planning of its presets; their preprocessed data are those of the stock plans.

    Raises:
        InputError: such plans are there, and the run has not made them.
    """
    command = (stock_command("nnUNetv2_plan_experiment"), "-d", str(workspace.source.dataset_id))
    steps = []
    for plans in experiment.presets:
        file = workspace.preprocessed / f"{plans}.json"
        if file.exists() and ledger.last_start(plans_step(plans)) is None:
            raise InputError(
                f"{file} is there already, and not made by this run, which would replace it. Choose another folder for "
                "nnUNet_preprocessed, or leave that variable out: then the run has its own."
            )
        steps.append(
            Step(
                plans_step(plans),
                (*command, "-pl", PRESETS[plans]),
                needs=needs,
                output=Output((file,)),
                environment={"nnUNet_n_proc_DA": "1"},  # the planner takes it for a number of threads, and fails with 0
            )
        )
    return steps


def scheduled_presets(workspace: Workspace, experiment: Experiment) -> list[Step]:
    """Copies of nnU-Net's presets with the schedule of the plan that fits CIPA, for trainers that follow one."""
    command = (*our_command("plan_schedule"), "-d", str(workspace.source.dataset_id))
    return [
        Step(
            plans_step(copy),
            (*command, "-p", copy.removesuffix(PLANNED)),
            needs=(plans_step(copy.removesuffix(PLANNED)), plans_step(OWN_PLANS)),
            output=Output((workspace.preprocessed / f"{copy}.json",)),
        )
        for copy in experiment.plans
        if copy.endswith(PLANNED)
    ]


def plans_for_seeds(workspace: Workspace, experiment: Experiment) -> list[Step]:
    """Copies of the plans for each seed."""
    command = (*our_command("plan_seed"), "-d", str(workspace.source.dataset_id))
    return [
        Step(
            plans_step(copy),
            (*command, "-p", plans, "--seed", str(seed)),
            needs=(plans_step(plans),),
            output=Output((workspace.preprocessed / f"{copy}.json",)),
        )
        for plans in experiment.plans
        for seed in experiment.seeds
        if seed is not None and (copy := plans_of_seed(seed, plans))
    ]


def plans_step(plans: str) -> str:
    """Name of the step that makes the plans."""
    return f"plan_for_CIPA{plans.removeprefix(OWN_PLANS)}" if plans.startswith(OWN_PLANS) else f"plan_{plans}"


def _all(cases: CaseCounts) -> Work:
    return Work(cases.training + cases.test)


def _training_data(workspace: Workspace) -> tuple[Path, ...]:
    """What is preprocessed; a dataset.json may also name files elsewhere, and then there are no such folders."""
    places = [workspace.raw / name for name in ("dataset.json", "imagesTr", "labelsTr")]
    return tuple(place for place in places if place.exists() or not workspace.is_converted)
