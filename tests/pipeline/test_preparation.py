from dataclasses import replace

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.pipeline import preparation
from nnunetv2_cipa.pipeline.experiment import Experiment
from nnunetv2_cipa.steps import Ledger

from .conftest import CASES, write_dataset_json

OURS, THEIRS = "nnUNetTrainerCIPA", "nnUNetTrainer"
EXPERIMENT = Experiment((OURS, THEIRS), (0, 1))


def test_only_what_is_not_in_nnunets_format_is_converted(workspace):
    [step] = preparation.conversion(workspace, CASES)
    assert (step.name, step.reads, step.output.paths) == ("convert", (workspace.source.folder,), (workspace.raw,))
    assert preparation.planning(workspace, CASES).needs == ("convert",)
    given = replace(workspace, source=replace(workspace.source, converter=None))
    assert preparation.conversion(given, CASES) == []
    assert preparation.planning(given, CASES).needs == ()


def test_planning_is_repeated_for_other_images_labels_and_description_but_not_for_another_test_set(workspace):
    names = [path.name for path in preparation.planning(workspace, CASES).reads]
    assert names == ["dataset.json", "imagesTr", "labelsTr"]


def test_folds_are_made_by_patient_where_patients_have_several_cases_and_there_are_no_folds(workspace):
    def steps():
        ledger = Ledger(workspace.folder / "steps.jsonl")
        return [step.name for step in preparation.folds_by_patient(workspace, EXPERIMENT, ledger, ("plan",))]

    assert steps() == []
    write_dataset_json(workspace.raw)
    (workspace.raw / "imagesTr").mkdir()
    for case in ("0001_1", "0001_2", "0002_1", "0003_1"):
        (workspace.raw / "imagesTr" / f"{case}_0000.png").touch()
    assert steps() == ["plan_folds"]
    workspace.preprocessed.mkdir(parents=True)
    (workspace.preprocessed / "splits_final.json").write_text("[]")
    assert steps() == []
    Ledger(workspace.folder / "steps.jsonl").started("plan_folds", "key", {}, [])  # then they are ours
    assert steps() == ["plan_folds"]


def test_neither_device_nor_time_change_what_a_step_is(workspace):
    one, other = (preparation.plan_for_cipa(workspace, EXPERIMENT, CASES, seconds=seconds) for seconds in (60, 3600))
    assert one.command == other.command
    assert one.options != other.options
    assert "cpu" not in one.command


def test_another_normalization_makes_data_of_its_own(workspace):
    step = preparation.plan_for_cipa(workspace, Experiment((OURS,), (0,), "dataset"), CASES)
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


RESENC = Experiment((OURS, "nnUNetTrainer__nnUNetResEncUNetLPlans"), (0,), seeds=(None, 2))


def test_nnunet_plans_its_presets(workspace, tmp_path):
    ledger = Ledger(tmp_path / "steps.jsonl")
    [step] = preparation.presets(workspace, RESENC, ledger, ("plan",))
    assert (step.name, step.needs) == ("plan_nnUNetResEncUNetLPlans", ("plan",))
    assert step.command[1:] == ("-d", "605", "-pl", "nnUNetPlannerResEncL")
    assert step.output.paths == (workspace.preprocessed / "nnUNetResEncUNetLPlans.json",)
    assert preparation.presets(workspace, RESENC, ledger, ("plan_folds",))[0].needs == ("plan_folds",)
    assert preparation.presets(workspace, EXPERIMENT, ledger, ("plan",)) == []


def test_presets_have_seeds_of_their_own(workspace):
    own, preset = preparation.plans_for_seeds(workspace, RESENC)
    assert (own.name, own.needs) == ("plan_for_CIPA_seed2", ("plan_for_CIPA",))
    assert (preset.name, preset.needs) == ("plan_nnUNetResEncUNetLPlans_seed2", ("plan_nnUNetResEncUNetLPlans",))
    assert preset.command[-4:] == ("-p", "nnUNetResEncUNetLPlans", "--seed", "2")


def test_presets_with_a_schedule_are_copies_with_that_of_the_plan(workspace, tmp_path):
    word = "nnUNetTrainer_planned__nnUNetResEncUNetLPlans"
    experiment = Experiment((f"{OURS}_planned", word), (0,), seeds=(None, 2))
    [step] = preparation.scheduled_presets(workspace, experiment)
    assert step.name == "plan_nnUNetResEncUNetLPlans_planned"
    assert step.needs == ("plan_nnUNetResEncUNetLPlans", "plan_for_CIPA")
    assert step.command[1:] == ("plan_schedule", "-d", "605", "-p", "nnUNetResEncUNetLPlans")
    assert step.output.paths == (workspace.preprocessed / "nnUNetResEncUNetLPlans_planned.json",)
    seeded = preparation.plans_for_seeds(workspace, experiment)[1]
    assert seeded.needs == (step.name,)
    assert seeded.output.paths == (workspace.preprocessed / "nnUNetResEncUNetLPlans_planned_seed2.json",)
    plan = preparation.plan_for_cipa(workspace, experiment, CASES, seconds=60)
    assert word in plan.options  # to be measured
    assert preparation.scheduled_presets(workspace, RESENC) == []


def test_plans_of_the_users_are_not_replaced(workspace, tmp_path):
    ledger = Ledger(tmp_path / "steps.jsonl")
    workspace.preprocessed.mkdir(parents=True)
    (workspace.preprocessed / "nnUNetResEncUNetLPlans.json").touch()
    with pytest.raises(InputError, match="not made by this run"):
        preparation.presets(workspace, RESENC, ledger, ())
    ledger.started("plan_nnUNetResEncUNetLPlans", "key", {}, [])
    assert len(preparation.presets(workspace, RESENC, ledger, ())) == 1
