from dataclasses import replace

import pytest
from PIL import Image

from nnunetv2_cipa.phantom import make_phantom
from nnunetv2_cipa.pipeline.estimate import estimate, print_estimates
from nnunetv2_cipa.pipeline.experiment import Experiment
from nnunetv2_cipa.pipeline.preparation import conversion, planning
from nnunetv2_cipa.pipeline.workspace import Source, find_source, open_workspace
from nnunetv2_cipa.steps import DoneSteps, Output, Writing
from nnunetv2_cipa.steps.state import sizes

from .conftest import CASES, DATASET, TIMINGS, write_dataset_json, write_plan

TRAINER = "nnUNetTrainer_planned"
EXPERIMENT = Experiment((TRAINER,), (0, 1))
HOUR = 3600.0


@pytest.fixture
def converted(tmp_path):
    """Data that are still to be converted: 10 slices to train with, 2 to test."""
    make_phantom(tmp_path / "phantom", patients=6, slices_per_patient=2, size=(32, 32))
    source = find_source(str(tmp_path / "phantom"))
    return open_workspace(tmp_path / "work", source, "cpu", environment={})


def by_name(workspace, time_budget=None, experiment=EXPERIMENT, **options):
    return {one.step: one for one in estimate(workspace, experiment, time_budget, **options)}


def write_raw(folder, training, test):
    for part, number in (("Tr", training), ("Ts", test)):
        for kind in ("images", "labels"):
            (folder / f"{kind}{part}").mkdir(parents=True, exist_ok=True)
        for case in range(number):
            for name in (f"images{part}/a_{case}_0000.png", f"labels{part}/a_{case}.png"):
                Image.new("L", (48, 32)).save(folder / name)
    write_dataset_json(folder)


def do(workspace, *steps):
    """Let the ledger say that steps are done, and make what they would leave."""
    done = DoneSteps(workspace.folder)
    workspace.folder.mkdir(exist_ok=True)
    for step in steps:
        for path in step.output.proof:
            if path.name == "dataset.json":
                write_raw(path.parent, training=10, test=2)
            else:
                path.mkdir(parents=True, exist_ok=True)
        key, _ = done.key(step)
        done.ledger.ended(step.name, key, "done", exit_code=0, seconds=77, proof=sizes(step.output.proof))


@pytest.mark.slow
def test_before_anything_is_done_one_training_step_tells(converted):
    estimates = by_name(converted)
    training = estimates[f"train_{TRAINER}_fold0"]
    assert "by a training step of CIPA on 64x64 here" in training.basis
    assert training.seconds > 1000  # 1000 epochs with their ends
    assert estimates["convert"].basis == "rule of thumb"
    assert list(estimates)[-1] == "report"
    assert not converted.folder.exists()


@pytest.mark.slow
def test_a_time_budget_limits_the_trainings(converted):
    training = by_name(converted, time_budget=100.0)[f"train_{TRAINER}_fold0"]
    assert training.seconds == 45
    assert training.basis == "what the time budget leaves"


@pytest.mark.slow
def test_seeds_are_more_trainings_in_the_same_time(converted):
    seeds = Experiment((TRAINER,), (0, 1), seeds=(None, 1, 2))
    estimates = by_name(converted, 600.0, seeds)
    trainings = [one for name, one in estimates.items() if name.startswith("train_")]
    assert [one.seconds for one in trainings] == [90] * 6
    assert estimates["find_best"].seconds > 3 * estimates["evaluate"].seconds  # three pairs
    write_plan(converted.plans_file, TRAINER, num_epochs=50)
    estimates = by_name(converted, experiment=seeds)
    assert estimates[f"train_{TRAINER}_seed2_fold0"].seconds == estimates[f"train_{TRAINER}_fold0"].seconds
    assert estimates[f"predict_{TRAINER}_seed2"].seconds == pytest.approx(10 + 5 + 2 * 2 * TIMINGS.case)


@pytest.mark.slow
def test_what_will_be_repeated_is_not_called_done(converted):
    do(converted, *conversion(converted, CASES), planning(converted, CASES))
    assert by_name(converted)["plan"].basis == "done"
    next(converted.source.folder.rglob("*.png")).write_bytes(b"another image")
    estimates = by_name(converted)
    assert estimates["convert"].basis == "rule of thumb"
    assert estimates["plan"].basis == "rule of thumb"  # its own inputs are as they were, until the conversion


@pytest.mark.slow
def test_a_step_in_parts_is_done_when_all_are(converted):
    [step] = conversion(converted, CASES)
    part = replace(step, name="part", output=Output((converted.folder / "part",), Writing.REPLACED))

    def distribute(steps):
        return [each for one in steps for each in ([part, one] if one.name == step.name else [one])]

    do(converted, step)
    assert by_name(converted, distribute=distribute)["convert"].basis == "rule of thumb"
    do(converted, part)
    assert by_name(converted, distribute=distribute)["convert"].seconds == 77 + 77


@pytest.mark.slow
def test_a_dataset_that_the_user_has_planned_is_not_planned(converted):
    converted.preprocessed.mkdir(parents=True)
    (converted.preprocessed / "nnUNetPlans.json").write_text("{}")
    assert "plan" not in by_name(converted)


def test_what_was_measured_and_what_is_done_count_more(converted, capsys):
    write_plan(converted.plans_file, TRAINER, num_epochs=50)
    do(converted, *conversion(converted, CASES))
    estimates = by_name(converted)
    assert (estimates["convert"].seconds, estimates["convert"].basis) == (77, "done")
    training = estimates[f"train_{TRAINER}_fold1"]
    assert training.basis == "by what was measured for the plan"
    assert training.seconds == pytest.approx(10 + 50 * (250 * 0.1 + 50 * 0.05 + 1) + 5 + 2 * TIMINGS.case)
    assert estimates[f"predict_{TRAINER}"].seconds == pytest.approx(10 + 5 + 2 * 2 * TIMINGS.case)
    print_estimates(converted, EXPERIMENT, None)
    shown = capsys.readouterr().out
    assert "77 s  done" in shown
    assert shown.splitlines()[-1].startswith("still to be done")


def test_a_raw_dataset_is_counted(tmp_path):
    folder = tmp_path / DATASET
    write_raw(folder, training=5, test=3)
    source = Source(folder, DATASET)
    workspace = open_workspace(tmp_path / "work", source, "cpu", environment={})
    write_plan(workspace.plans_file, TRAINER, num_epochs=50)
    estimates = by_name(workspace)
    assert "convert" not in estimates
    assert estimates[f"predict_{TRAINER}"].seconds == pytest.approx(10 + 5 + 3 * 2 * TIMINGS.case)
