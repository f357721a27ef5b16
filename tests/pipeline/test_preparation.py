from dataclasses import replace

from nnunetv2_cipa.pipeline import preparation
from nnunetv2_cipa.pipeline.choices import Choices

OURS, THEIRS = "nnUNetTrainerCIPA", "nnUNetTrainer"
CHOICES = Choices((OURS, THEIRS), (0, 1))


def test_only_what_is_not_in_nnunets_format_is_converted(workspace):
    [step] = preparation.conversion(workspace)
    assert (step.name, step.reads, step.makes) == ("convert", (workspace.source.folder,), (workspace.raw,))
    assert preparation.planning(workspace).needs == ("convert",)
    given = replace(workspace, source=replace(workspace.source, converted=False))
    assert preparation.conversion(given) == []
    assert (preparation.planning(given).needs, preparation.planning(given).reads) == ((), (given.source.folder,))


def test_neither_device_nor_time_change_what_a_step_is(workspace):
    one, other = (preparation.plan_for_cipa(workspace, CHOICES, seconds) for seconds in (60, 3600))
    assert one.command == other.command
    assert one.options != other.options
    assert "cpu" not in one.command


def test_fixed_normalization_makes_data_of_its_own(workspace):
    step = preparation.plan_for_cipa(workspace, Choices((OURS,), (0,), "fixed"), None)
    assert [path.name for path in step.makes] == ["nnUNetCIPAPlans.json", "nnUNetCIPAPlans_2d"]


def test_each_seed_has_a_copy_of_the_plan(workspace):
    steps = preparation.plans_for_seeds(workspace, Choices((OURS,), (0,), seeds=(0, 1, 5)))
    assert [step.name for step in steps] == ["plan_for_CIPA_seed1", "plan_for_CIPA_seed5"]
    assert {step.needs for step in steps} == {("plan_for_CIPA",)}
    assert steps[1].command[1:] == ("plan_seed", "-d", "605", "-p", "nnUNetCIPAPlans", "--seed", "5")
    assert [path.name for path in steps[1].makes] == ["nnUNetCIPAPlans_seed5.json"]
    assert preparation.plans_for_seeds(workspace, CHOICES) == []


def test_the_plan_knows_of_the_seeds_but_is_the_same_plan(workspace):
    one, more = (
        preparation.plan_for_cipa(workspace, Choices((OURS,), (0,), seeds=seeds), 60) for seeds in ((0,), (0, 1, 2))
    )
    assert one.command == more.command
    position = more.options.index("--seeds")
    assert more.options[position + 1 : position + 4] == ("0", "1", "2")
