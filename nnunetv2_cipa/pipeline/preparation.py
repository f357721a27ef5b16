"""The steps before training, each a stock command: conversion, planning, a plan that fits, and its copies for seeds."""

from nnunetv2_cipa.planning.plans_files import OWN_PLANS
from nnunetv2_cipa.planning.seeds import UNSEEDED, plans_of_seed
from nnunetv2_cipa.planning.timing import CONFIGURATION
from nnunetv2_cipa.steps import Ledger, Step

from .choices import Choices
from .workspace import Workspace, few_cores, our_command, processes, stock_command


def conversion(workspace: Workspace) -> list[Step]:
    """Conversion to nnU-Net's raw format, unless the data are in it."""
    source = workspace.source
    if not source.converted:
        return []
    command = (*our_command("convert_PCLT20K"), "-i", str(source.folder), "-d", str(source.dataset_id))
    options = ("--overwrite", *processes())
    return [Step("convert", command, options, reads=(source.folder,), makes=(workspace.raw,), replaces=True)]


def is_planned_already(workspace: Workspace, ledger: Ledger) -> bool:
    """Whether the user has planned the dataset, in an nnUNet_preprocessed of the user's own."""
    return ledger.last_start("plan") is None and (workspace.preprocessed / "nnUNetPlans.json").is_file()


def planning(workspace: Workspace) -> Step:
    """nnU-Net's planning and preprocessing."""
    source, folder = workspace.source, workspace.preprocessed
    command = (stock_command("nnUNetv2_plan_and_preprocess"), "-d", str(source.dataset_id), "-c", CONFIGURATION)
    names = ("dataset.json", "dataset_fingerprint.json", "nnUNetPlans.json", "nnUNetPlans_2d", "gt_segmentations")
    return Step(
        "plan",
        (*command, "--verify_dataset_integrity", "--clean"),
        ("-npfp", "1", "-np", "1") if few_cores() else (),
        needs=("convert",) if source.converted else (),
        reads=() if source.converted else (source.folder,),
        makes=(folder,),
        proof=tuple(folder / name for name in names),
    )


def plan_for_cipa(
    workspace: Workspace, choices: Choices, seconds: float | None, *, planned_already: bool = False
) -> Step:
    """The plan that fits CIPA, this machine and, where given, the seconds that are left."""
    folds, seeds = map(str, choices.folds), map(str, choices.seeds)
    options = ["-device", workspace.device, "-tr", *choices.trainers, "-f", *folds, "--seeds", *seeds, *processes()]
    if seconds is not None:
        options += ["--time-budget", f"{seconds:.0f}s"]
    plans_file = workspace.plans_file
    fixed = choices.normalization == "fixed"
    makes = (plans_file, *([workspace.preprocessed / f"{OWN_PLANS}_{CONFIGURATION}"] if fixed else []))
    return Step(
        plans_step(OWN_PLANS),
        (*our_command("plan"), "-d", str(workspace.source.dataset_id), "--normalization", choices.normalization),
        tuple(options),
        needs=() if planned_already else ("plan",),
        reads=(workspace.source.folder, workspace.preprocessed / "nnUNetPlans.json") if planned_already else (),
        makes=makes,
        proof=(plans_file,),
    )


def plans_for_seeds(workspace: Workspace, choices: Choices) -> list[Step]:
    """A copy of that plan for each seed but the one that is the plan itself."""
    command = (*our_command("plan_seed"), "-d", str(workspace.source.dataset_id), "-p", OWN_PLANS)
    return [
        Step(
            plans_step(plans),
            (*command, "--seed", str(seed)),
            needs=(plans_step(OWN_PLANS),),
            makes=(workspace.preprocessed / f"{plans}.json",),
        )
        for seed in choices.seeds
        if seed != UNSEEDED and (plans := plans_of_seed(seed))
    ]


def plans_step(plans: str) -> str:
    """Name of the step that makes the plans."""
    return f"plan_for_CIPA{plans.removeprefix(OWN_PLANS)}"
