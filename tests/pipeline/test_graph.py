import pytest

from nnunetv2_cipa.pipeline import graph
from nnunetv2_cipa.pipeline.experiment import BestModel, Experiment, Model
from nnunetv2_cipa.pipeline.trainings import validation_cases
from nnunetv2_cipa.pipeline.workspace import count_cases as cases
from nnunetv2_cipa.steps import DoneSteps, Writing
from nnunetv2_cipa.timing.work import Schedule

from .conftest import CASES, by_name, words_after

OURS, THEIRS = "nnUNetTrainerCIPA", "nnUNetTrainer"
EXPERIMENT = Experiment((OURS, THEIRS), (0, 1))
SEEDS = Experiment((OURS, THEIRS), (0, 1), seeds=(None, 1))
PRESET = Experiment((OURS, THEIRS, f"{THEIRS}__nnUNetResEncUNetMPlans"), (0, 1), seeds=(None, 1))
PLANNED = Experiment((f"{OURS}_planned", f"{THEIRS}_planned__nnUNetResEncUNetMPlans"), (0, 1), seeds=(None, 1))
SECOND = Model(OURS, "nnUNetCIPAPlans_seed1")


def best_of(tmp_path, *models):
    return BestModel(models, 0.5, tmp_path / "pp.pkl", tmp_path / "plans.json")


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
