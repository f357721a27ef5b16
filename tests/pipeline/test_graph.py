import sys
from dataclasses import replace

import pytest

from nnunetv2_cipa.pipeline import graph
from nnunetv2_cipa.pipeline.best_model import BestModel
from nnunetv2_cipa.pipeline.graph import Choices
from nnunetv2_cipa.planning.schedule import Schedule
from nnunetv2_cipa.steps import LocalExecutor, Runner

OURS, THEIRS = "nnUNetTrainerCIPA", "nnUNetTrainer"
CHOICES = Choices((OURS, THEIRS), (0, 1))


@pytest.fixture
def with_labels(workspace):
    for folder in ("imagesTs", "labelsTs"):
        (workspace.raw / folder).mkdir(parents=True)
        (workspace.raw / folder / "a.png").touch()
    return workspace


def best_of(tmp_path, *trainers):
    return BestModel(trainers, 0.5, tmp_path / "pp.pkl", tmp_path / "plans.json")


def by_name(steps):
    return {step.name: step for step in steps}


def test_every_step_needs_steps_before_it(with_labels, tmp_path):
    steps = [
        *graph.preparation(with_labels),
        graph.plan_for_cipa(with_labels, CHOICES, 60),
        *graph.trainings(with_labels, CHOICES, {OURS: Schedule(), THEIRS: Schedule()}),
        graph.selection(with_labels, CHOICES),
        *graph.predictions(with_labels, CHOICES, best_of(tmp_path, OURS, THEIRS)),
        *graph.results(with_labels, CHOICES),
    ]
    before = set()
    for step in steps:
        assert set(step.needs) <= before, step.name
        before.add(step.name)
    assert len(before) == len(steps)
    assert steps[0].name == "convert"


def test_trainings_are_independent(workspace):
    trainings = graph.trainings(workspace, CHOICES, {OURS: Schedule(7), THEIRS: Schedule(9)})
    assert [(step.trainer, step.fold, step.epochs) for step in trainings] == [
        (OURS, 0, 7),
        (OURS, 1, 7),
        (THEIRS, 0, 9),
        (THEIRS, 1, 9),
    ]
    assert {step.needs for step in trainings} == {("plan_for_CIPA",)}
    assert trainings[0].command[1:] == ("605", "2d", "0", "-tr", OURS, "-p", "nnUNetCIPAPlans", "--npz")
    assert all(step.resumes for step in trainings)


def test_neither_device_nor_time_change_what_a_step_is(workspace):
    one, other = (graph.plan_for_cipa(workspace, CHOICES, seconds) for seconds in (60, 3600))
    assert one.command == other.command
    assert one.options != other.options
    assert "cpu" not in one.command


def test_fixed_normalization_makes_data_of_its_own(workspace):
    step = graph.plan_for_cipa(workspace, Choices((OURS,), (0,), "fixed"), None)
    assert [path.name for path in step.makes] == ["nnUNetCIPAPlans.json", "nnUNetCIPAPlans_2d"]


def test_an_ensemble_is_made_of_probabilities(with_labels, tmp_path):
    steps = by_name(graph.predictions(with_labels, CHOICES, best_of(tmp_path, OURS, THEIRS)))
    assert list(steps) == [f"predict_{OURS}", f"predict_{THEIRS}", "ensemble", "postprocess"]
    assert "--save_probabilities" in steps[f"predict_{OURS}"].command
    assert str(with_labels.predictions("ensemble")) in steps["postprocess"].command


def test_a_single_model_needs_none(with_labels, tmp_path):
    steps = by_name(graph.predictions(with_labels, CHOICES, best_of(tmp_path, THEIRS)))
    assert list(steps) == [f"predict_{OURS}", f"predict_{THEIRS}", "postprocess"]
    assert "--save_probabilities" not in steps[f"predict_{THEIRS}"].command
    assert str(with_labels.predictions(THEIRS)) in steps["postprocess"].command


def test_without_labels_only_the_best_is_predicted(with_labels, tmp_path):
    (with_labels.raw / "labelsTs" / "a.png").unlink()
    assert list(by_name(graph.predictions(with_labels, CHOICES, best_of(tmp_path, OURS)))) == [
        f"predict_{OURS}",
        "postprocess",
    ]
    steps = by_name(graph.results(with_labels, CHOICES))
    assert list(steps) == ["submission", "compare", "report"]
    assert "--predictions" not in steps["compare"].command


def test_without_test_images_the_cross_validation_is_compared(with_labels):
    (with_labels.raw / "imagesTs" / "a.png").unlink()
    assert list(by_name(graph.results(with_labels, CHOICES))) == ["compare", "report"]


def test_predictions_are_compared_with_the_best(with_labels):
    steps = by_name(graph.results(with_labels, CHOICES))
    assert list(steps) == ["submission", "evaluate", "compare", "report"]
    assert f"best={with_labels.predictions('final')}" in steps["compare"].command


def test_a_report_can_have_its_cases_in_a_folder_next_to_it(tmp_path):
    page, files = tmp_path / "report.html", tmp_path / "report_files"
    write = "import sys; from pathlib import Path; page = Path(sys.argv[1]); page.touch()"
    write += "; page.with_name('report_files').mkdir(exist_ok=True)"
    step = replace(graph.page_of(tmp_path, page), command=(sys.executable, "-c", write, str(page)), needs=())
    Runner(tmp_path, {}, LocalExecutor()).run([step])
    page.unlink()
    Runner(tmp_path, {}, LocalExecutor()).run([step])
    assert page.exists()
    assert files.is_dir()
