import pytest
from PIL import Image

from nnunetv2_cipa.phantom import make_phantom
from nnunetv2_cipa.pipeline.estimate import estimate, print_estimates
from nnunetv2_cipa.pipeline.graph import Choices
from nnunetv2_cipa.pipeline.source import Source
from nnunetv2_cipa.pipeline.workspace import open_workspace
from nnunetv2_cipa.steps import Ledger

from .conftest import DATASET, TIMINGS, write_plan

TRAINER = "nnUNetTrainer_planned"
CHOICES = Choices((TRAINER,), (0, 1))
HOUR = 3600.0


@pytest.fixture
def converted(tmp_path):
    """Data that are still to be converted: 10 slices to train with, 2 to test."""
    make_phantom(tmp_path / "phantom", patients=6, slices_per_patient=2, size=(32, 32))
    source = Source(tmp_path / "phantom", DATASET, converted=True)
    return open_workspace(tmp_path / "work", source, "cpu", environment={})


def by_name(workspace, time_budget=None):
    return {one.step: one for one in estimate(workspace, CHOICES, time_budget)}


def test_before_anything_is_done_one_training_step_tells(converted):
    estimates = by_name(converted)
    training = estimates[f"train_{TRAINER}_fold0"]
    assert "by a training step of CIPA on 64x64 here" in training.basis
    assert training.seconds > 1000  # 1000 epochs with their ends
    assert estimates["convert"].basis == "rule of thumb"
    assert list(estimates)[-1] == "report"
    assert not converted.folder.exists()


def test_a_time_budget_limits_the_trainings(converted):
    training = by_name(converted, time_budget=100.0)[f"train_{TRAINER}_fold0"]
    assert training.seconds == 45
    assert training.basis == "what the time budget leaves"


def test_what_was_measured_and_what_is_done_count_more(converted, capsys):
    write_plan(converted.plans_file, TRAINER, num_epochs=50)
    Ledger(converted.folder / "steps.jsonl").ended("convert", "", "done", exit_code=0, seconds=77, proof=None)
    estimates = by_name(converted)
    assert (estimates["convert"].seconds, estimates["convert"].basis) == (77, "done")
    training = estimates[f"train_{TRAINER}_fold1"]
    assert training.basis == "by what was measured for the plan"
    assert training.seconds == pytest.approx(10 + 50 * (250 * 0.1 + 50 * 0.05 + 1) + 5 + 2 * TIMINGS.case)
    assert estimates[f"predict_{TRAINER}"].seconds == pytest.approx(5 + 2 * 2 * TIMINGS.case)
    print_estimates(converted, CHOICES, None)
    shown = capsys.readouterr().out
    assert "77 s  done" in shown
    assert shown.splitlines()[-1].startswith("still to be done")


def test_a_raw_dataset_is_counted(tmp_path):
    folder = tmp_path / DATASET
    for part, number in (("imagesTr", 5), ("imagesTs", 3)):
        (folder / part).mkdir(parents=True)
        for case in range(number):
            Image.new("L", (48, 32)).save(folder / part / f"a_{case}_0000.png")
    source = Source(folder, DATASET, converted=False)
    workspace = open_workspace(tmp_path / "work", source, "cpu", environment={})
    write_plan(workspace.plans_file, TRAINER, num_epochs=50)
    estimates = by_name(workspace)
    assert "convert" not in estimates
    assert estimates[f"predict_{TRAINER}"].seconds == pytest.approx(5 + 3 * 2 * TIMINGS.case)
