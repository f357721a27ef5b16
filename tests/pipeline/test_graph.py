import sys
from dataclasses import replace

import pytest

from nnunetv2_cipa.pipeline import graph
from nnunetv2_cipa.pipeline.experiment import BestModel, Experiment, Model
from nnunetv2_cipa.pipeline.results import page_of
from nnunetv2_cipa.pipeline.trainings import validation_cases
from nnunetv2_cipa.pipeline.workspace import count_cases as cases
from nnunetv2_cipa.steps import DoneSteps, LocalExecutor, Runner, Writing
from nnunetv2_cipa.submission import SampleSubmission
from nnunetv2_cipa.timing.work import Schedule

from .conftest import CASES, write_dataset_json

OURS, THEIRS = "nnUNetTrainerCIPA", "nnUNetTrainer"
EXPERIMENT = Experiment((OURS, THEIRS), (0, 1))
SEEDS = Experiment((OURS, THEIRS), (0, 1), seeds=(None, 1))
PRESET = Experiment((OURS, THEIRS, f"{THEIRS}__nnUNetResEncUNetMPlans"), (0, 1), seeds=(None, 1))
PLANNED = Experiment((f"{OURS}_planned", f"{THEIRS}_planned__nnUNetResEncUNetMPlans"), (0, 1), seeds=(None, 1))
SECOND = Model(OURS, "nnUNetCIPAPlans_seed1")


@pytest.fixture
def with_labels(workspace):
    for folder in ("imagesTs", "labelsTs"):
        (workspace.raw / folder).mkdir(parents=True)
        name = "a_0000.png" if folder == "imagesTs" else "a.png"
        (workspace.raw / folder / name).touch()
    write_dataset_json(workspace.raw)
    return workspace


def best_of(tmp_path, *models):
    return BestModel(models, 0.5, tmp_path / "pp.pkl", tmp_path / "plans.json")


def by_name(steps):
    return {step.name: step for step in steps}


@pytest.mark.parametrize("experiment", [EXPERIMENT, SEEDS, PRESET, PLANNED])
def test_every_step_needs_steps_before_it(with_labels, experiment):
    stages = list(graph.stages(with_labels, experiment, DoneSteps(with_labels.folder)))
    steps = [step for stage in stages for step in stage]
    before = set()
    for step in steps:
        assert set(step.needs) <= before, step.name
        before.add(step.name)
    assert len(before) == len(steps)
    made = [path for step in steps for path in step.output.paths]
    assert len(set(made)) == len(made)


def test_trainings_are_independent(workspace):
    trainings = graph.trainings(workspace, EXPERIMENT, CASES, {OURS: Schedule(7), THEIRS: Schedule(9)})
    assert [(step.work.trainer, step.command[3], step.work.schedule.num_epochs) for step in trainings] == [
        (OURS, "0", 7),
        (OURS, "1", 7),
        (THEIRS, "0", 9),
        (THEIRS, "1", 9),
    ]
    assert {step.needs for step in trainings} == {("plan_for_CIPA",)}
    assert trainings[0].command[1:] == ("605", "2d", "0", "-tr", OURS, "-p", "nnUNetCIPAPlans", "--npz")
    assert all(step.output.writing is Writing.RESUMED for step in trainings)


def test_seeds_are_trained_by_their_plans(workspace):
    trainings = by_name(graph.trainings(workspace, SEEDS, CASES, {OURS: Schedule(7), THEIRS: Schedule(9)}))
    assert len(trainings) == 8
    step = trainings[f"train_{OURS}_seed1_fold1"]
    assert step.command[1:] == ("605", "2d", "1", "-tr", OURS, "-p", "nnUNetCIPAPlans_seed1", "--npz")
    assert step.needs == ("plan_for_CIPA_seed1",)
    assert step.output.paths == (workspace.results / f"{OURS}__nnUNetCIPAPlans_seed1__2d" / "fold_1",)
    assert step.work.schedule == Schedule(7)


def test_what_was_done_stays_when_seeds_are_added(workspace):
    schedules = {OURS: Schedule(), THEIRS: Schedule()}
    before = graph.trainings(workspace, EXPERIMENT, CASES, schedules)
    assert [step for step in graph.trainings(workspace, SEEDS, CASES, schedules) if step in before] == before


def test_nnunet_chooses_among_all_seeds(workspace):
    step = graph.selection(workspace, SEEDS, CASES)
    assert step.command[1:] == (
        *("605", "-p", "nnUNetCIPAPlans", "nnUNetCIPAPlans_seed1", "-c", "2d"),
        *("-tr", OURS, THEIRS, "-f", "0", "1"),
    )
    assert len(step.needs) == 8


def test_two_seeds_of_a_trainer_can_be_the_best_pair(with_labels, tmp_path):
    (with_labels.raw / "labelsTs" / "a.png").unlink()
    steps = by_name(graph.predictions(with_labels, SEEDS, cases(with_labels), best_of(tmp_path, Model(OURS), SECOND)))
    assert list(steps) == [f"predict_{OURS}", f"predict_{OURS}_seed1", "ensemble", "postprocess"]
    command = steps[f"predict_{OURS}_seed1"].command
    assert command[command.index("-p") + 1] == "nnUNetCIPAPlans_seed1"
    assert str(with_labels.predictions(f"{OURS}_seed1")) in command
    assert "--save_probabilities" in command


def test_an_ensemble_is_made_of_probabilities(with_labels, tmp_path):
    steps = by_name(
        graph.predictions(with_labels, EXPERIMENT, cases(with_labels), best_of(tmp_path, Model(OURS), Model(THEIRS)))
    )
    assert list(steps) == [f"predict_{OURS}", f"predict_{THEIRS}", "ensemble", "postprocess"]
    assert "--save_probabilities" in steps[f"predict_{OURS}"].command
    assert str(with_labels.predictions("ensemble")) in steps["postprocess"].command


def test_a_single_model_needs_none(with_labels, tmp_path):
    steps = by_name(graph.predictions(with_labels, EXPERIMENT, cases(with_labels), best_of(tmp_path, Model(THEIRS))))
    assert list(steps) == [f"predict_{OURS}", f"predict_{THEIRS}", "postprocess"]
    assert "--save_probabilities" not in steps[f"predict_{THEIRS}"].command
    assert str(with_labels.predictions(THEIRS)) in steps["postprocess"].command


def test_without_labels_only_the_best_is_predicted(with_labels, tmp_path):
    (with_labels.raw / "labelsTs" / "a.png").unlink()
    assert list(
        by_name(graph.predictions(with_labels, EXPERIMENT, cases(with_labels), best_of(tmp_path, Model(OURS))))
    ) == [
        f"predict_{OURS}",
        "postprocess",
    ]
    steps = by_name(graph.results(with_labels, EXPERIMENT, cases(with_labels)))
    assert list(steps) == ["submission", "compare", "report"]
    assert "--predictions" not in steps["compare"].command


def test_without_test_images_the_cross_validation_is_compared(with_labels):
    (with_labels.raw / "imagesTs" / "a_0000.png").unlink()
    assert list(by_name(graph.results(with_labels, EXPERIMENT, cases(with_labels)))) == ["compare", "report"]


def test_predictions_are_compared_with_the_best(with_labels):
    steps = by_name(graph.results(with_labels, EXPERIMENT, cases(with_labels)))
    assert list(steps) == ["submission", "evaluate", "compare", "report"]
    assert f"best={with_labels.predictions('final')}" in steps["compare"].command


def test_a_report_can_have_its_cases_in_a_folder_next_to_it(tmp_path):
    page, files = tmp_path / "report.html", tmp_path / "report_files"
    write = "import sys; from pathlib import Path; page = Path(sys.argv[1]); page.touch()"
    write += "; page.with_name('report_files').mkdir(exist_ok=True)"
    step = replace(page_of(tmp_path, page), command=(sys.executable, "-c", write, str(page)), needs=())
    Runner(tmp_path, {}, LocalExecutor()).run([step])
    page.unlink()
    Runner(tmp_path, {}, LocalExecutor()).run([step])
    assert page.exists()
    assert files.is_dir()


def words_after(command, option):
    """The words between an option and the next."""
    after = command[command.index(option) + 1 :]
    return list(after[: next((n for n, word in enumerate(after) if word.startswith("-")), len(after))])


def test_seeds_are_compared_as_runs_of_one_model(with_labels):
    command = by_name(graph.results(with_labels, SEEDS, cases(with_labels)))["compare"].command
    assert words_after(command, "-tr") == [
        f"{trainer}={model}"
        for trainer in (OURS, THEIRS)
        for model in (trainer, f"{trainer}__nnUNetCIPAPlans_seed1__2d")
    ]
    assert words_after(command, "--predictions") == [
        *(f"{OURS}={with_labels.predictions(name)}" for name in (OURS, f"{OURS}_seed1")),
        *(f"{THEIRS}={with_labels.predictions(name)}" for name in (THEIRS, f"{THEIRS}_seed1")),
        f"best={with_labels.predictions('final')}",
    ]


def test_a_sample_is_read_by_the_submission(with_labels, tmp_path):
    sample = SampleSubmission(tmp_path / "sample.csv", ("id", "rle"), (), 0, 1)
    step = by_name(graph.results(with_labels, Experiment((OURS,), (0,), sample=sample), cases(with_labels)))[
        "submission"
    ]
    assert step.reads == (tmp_path / "sample.csv",)
    assert step.command[-2:] == ("--sample", str(tmp_path / "sample.csv"))
    without = by_name(graph.results(with_labels, EXPERIMENT, cases(with_labels)))["submission"]
    assert (without.reads, "--sample" in without.command) == ((), False)


@pytest.mark.parametrize(("seeds", "pairs"), [((None,), 0), ((0, 1), 1), ((0, 1, 2), 3)])
def test_every_command_model_and_pair_has_libraries_to_load(with_labels, seeds, pairs):
    experiment, number = Experiment((OURS,), (0, 1), seeds=seeds), cases(with_labels)
    after = [graph.selection(with_labels, experiment, number), *graph.result_stage(with_labels, experiment, number)]
    others = 6 if len(seeds) > 1 else 5  # an ensemble, then
    assert sum(step.work.starts for step in after) == 1 + pairs + len(seeds) + others


def test_a_fold_is_validated_on_its_own_cases(workspace):
    assert validation_cases(workspace, EXPERIMENT, CASES) == {0: 2, 1: 2}
    workspace.preprocessed.mkdir(parents=True)
    (workspace.preprocessed / "splits_final.json").write_text('[{"train": ["b"], "val": ["a", "c", "d"]}]')
    assert validation_cases(workspace, EXPERIMENT, CASES) == {0: 3, 1: 0}


def test_nnunet_chooses_among_presets_too(workspace):
    step = graph.selection(workspace, PRESET, CASES)
    assert step.command[1:4] == ("find_best", "-d", "605")
    assert words_after(step.command, "-tr") == [model.folder_name for model in PRESET.models]
    assert len(step.needs) == 12


def test_presets_are_timed_as_what_they_are(workspace):
    schedules = {name: Schedule(7) for name in PLANNED.classes}
    steps = by_name(graph.trainings(workspace, PLANNED, CASES, schedules))
    name = f"{THEIRS}_planned__nnUNetResEncUNetMPlans"
    step = steps[f"train_{name}_seed1_fold0"]
    assert (step.work.trainer, step.work.schedule.num_epochs) == (name, 7)
    assert words_after(step.command, "-p") == ["nnUNetResEncUNetMPlans_planned_seed1"]
    predicted = graph.predictions(workspace, PLANNED, CASES, best_of(workspace.folder, PLANNED.models[2]))
    assert by_name(predicted)[f"predict_{name}"].work.trainer == name


def test_presets_are_compared_under_their_name(with_labels):
    command = by_name(graph.results(with_labels, PRESET, cases(with_labels)))["compare"].command
    name = f"{THEIRS}__nnUNetResEncUNetMPlans"
    assert f"{name}={name}__2d" in command
    assert f"{name}={name}_seed1__2d" in command
    assert f"{name}={with_labels.predictions(name)}" in command


def submission_of(workspace, **changes):
    steps = by_name(graph.results(workspace, replace(EXPERIMENT, **changes), cases(workspace)))
    return steps.get("submission")


def test_slices_are_submitted_as_run_lengths_and_volumes_as_nifti(with_labels):
    step = submission_of(with_labels)
    assert step.output.paths == (with_labels.folder / "submission.csv",)
    assert "--format" not in step.command
    write_dataset_json(with_labels.raw, ".nii.gz")
    for folder, name in (("imagesTs", "a_0000.nii.gz"), ("labelsTs", "a.nii.gz")):
        (with_labels.raw / folder / name).touch()
    step = submission_of(with_labels)
    assert step.output.paths == (with_labels.folder / "submission",)
    assert words_after(step.command, "--format") == ["nii.gz"]


def test_the_form_of_the_submission_can_be_chosen(with_labels):
    assert submission_of(with_labels, submission="none") is None
    assert words_after(submission_of(with_labels, submission="png").command, "--format") == ["png"]
    assert submission_of(with_labels, submission="nii.gz").reads == ()
    (with_labels.raw / "patients.json").write_text('{"a": "Ada"}')
    step = submission_of(with_labels, submission="nii.gz")
    assert step.reads == (with_labels.raw / "patients.json",)
    assert words_after(step.command, "--patients") == [str(with_labels.raw / "patients.json")]


def test_labels_and_patients_reach_all_that_look_at_labels(with_labels, tmp_path):
    file = tmp_path / "of_patients.json"
    chosen = replace(EXPERIMENT, labels=(1, 2), patients=file)
    steps = by_name(graph.results(with_labels, chosen, cases(with_labels)))
    for name in ("submission", "evaluate", "compare"):
        assert words_after(steps[name].command, "-l") == ["1", "2"], name
    for name in ("evaluate", "compare"):
        assert words_after(steps[name].command, "--patients") == [str(file)], name
        assert file in steps[name].reads, name
    assert "-l" not in by_name(graph.results(with_labels, EXPERIMENT, cases(with_labels)))["compare"].command
