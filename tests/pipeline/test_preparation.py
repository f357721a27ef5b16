from dataclasses import replace

from nnunetv2_cipa.pipeline import preparation
from nnunetv2_cipa.pipeline.experiment import Experiment

from .conftest import CASES

OURS, THEIRS = "nnUNetTrainerCIPA", "nnUNetTrainer"
EXPERIMENT = Experiment((OURS, THEIRS), (0, 1))


def test_only_what_is_not_in_nnunets_format_is_converted(workspace):
    [step] = preparation.conversion(workspace, CASES)
    assert (step.name, step.reads, step.output.paths) == ("convert", (workspace.source.folder,), (workspace.raw,))
    assert preparation.planning(workspace, CASES).needs == ("convert",)
    given = replace(workspace, source=replace(workspace.source, converter=None))
    assert preparation.conversion(given, CASES) == []
    assert (preparation.planning(given, CASES).needs, preparation.planning(given, CASES).reads) == (
        (),
        (given.source.folder,),
    )


def test_neither_device_nor_time_change_what_a_step_is(workspace):
    one, other = (preparation.plan_for_cipa(workspace, EXPERIMENT, CASES, seconds=seconds) for seconds in (60, 3600))
    assert one.command == other.command
    assert one.options != other.options
    assert "cpu" not in one.command


def test_fixed_normalization_makes_data_of_its_own(workspace):
    step = preparation.plan_for_cipa(workspace, Experiment((OURS,), (0,), "fixed"), CASES)
    assert [path.name for path in step.output.paths] == ["nnUNetCIPAPlans.json", "nnUNetCIPAPlans_2d"]


def test_each_seed_has_a_copy_of_the_plan(workspace):
    steps = preparation.plans_for_seeds(workspace, Experiment((OURS,), (0,), seeds=(None, 1, 5)))
    assert [step.name for step in steps] == ["plan_for_CIPA_seed1", "plan_for_CIPA_seed5"]
    assert {step.needs for step in steps} == {("plan_for_CIPA",)}
    assert steps[1].command[1:] == ("plan_seed", "-d", "605", "-p", "nnUNetCIPAPlans", "--seed", "5")
    assert [path.name for path in steps[1].output.paths] == ["nnUNetCIPAPlans_seed5.json"]
    assert preparation.plans_for_seeds(workspace, EXPERIMENT) == []


def test_the_plan_knows_of_the_seeds_but_is_the_same_plan(workspace):
    one, more = (
        preparation.plan_for_cipa(workspace, Experiment((OURS,), (0,), seeds=seeds), CASES, seconds=60)
        for seeds in ((None,), (None, 1, 2))
    )
    assert one.command == more.command
    position = more.options.index("--seeds")
    assert more.options[position + 1 : position + 4] == ("none", "1", "2")
