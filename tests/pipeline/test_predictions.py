from dataclasses import replace

import pytest

from nnunetv2_cipa.cli import main
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.pipeline import graph
from nnunetv2_cipa.pipeline.checks import check
from nnunetv2_cipa.pipeline.experiment import BestModel, Experiment, Model
from nnunetv2_cipa.steps import Writing

from .conftest import CASES

OURS, THEIRS = "nnUNetTrainerCIPA", "nnUNetTrainer"
PLAIN = Experiment((OURS, THEIRS), (0, 1))
MEMBERS, TUNED = replace(PLAIN, members=True), replace(PLAIN, tuned_for="dice")


@pytest.fixture
def steps(workspace, tmp_path):
    """A function that makes the steps after the choice of the best models, by their names."""
    for folder in ("imagesTs", "labelsTs"):
        (workspace.raw / folder).mkdir(parents=True)
        (workspace.raw / folder / "a_0000.png").touch()

    def make(experiment, *models):
        best = BestModel(models or (Model(OURS),), 0.5, tmp_path / "pp.pkl", tmp_path / "plans.json")
        return {step.name: step for step in graph.result_stage(workspace, experiment, CASES, best)}

    return make


def after(command, option):
    return command[command.index(option) + 1]


def test_a_plain_run_has_neither(steps):
    assert not {"trust", "determine_postprocessing"} & set(steps(PLAIN))
    assert "--trust" not in steps(PLAIN)["report"].command
    assert not any("--save_probabilities" in step.command for step in steps(PLAIN).values())


def test_each_fold_of_the_best_models_is_a_member(steps, workspace):
    found = steps(MEMBERS, Model(OURS), Model(THEIRS))
    names = [f"predict_{trainer}_fold{fold}_alone" for trainer in (OURS, THEIRS) for fold in (0, 1)]
    assert [name for name in found if name.endswith("_alone")] == names
    alone = found[names[1]]
    assert alone.needs == (f"train_{OURS}_fold1",)
    assert after(alone.command, "-f") == "1"
    assert "--save_probabilities" in alone.command
    assert alone.work.cases == CASES.test
    trust = found["trust"]
    assert trust.needs == tuple(names)
    assert [str(found[name].output.paths[0]) for name in names] == list(trust.command[3:7])
    assert after(trust.command, "-ref") == str(workspace.raw / "labelsTs")
    assert after(found["report"].command, "--trust") == str(workspace.folder / "trust")
    assert "trust" in found["report"].needs
    for trainer in (OURS, THEIRS):  # whose lesions are scored in the comparison
        assert "--save_probabilities" in found[f"predict_{trainer}"].command


def test_without_references_trust_is_told_nevertheless(workspace, tmp_path):
    best = BestModel((Model(OURS),), 0.5, tmp_path / "pp.pkl", tmp_path / "plans.json")
    cases = replace(CASES, test_labels=False)
    found = {step.name: step for step in graph.result_stage(workspace, MEMBERS, cases, best)}
    assert "-ref" not in found["trust"].command
    assert found["trust"].reads == ()
    assert "--save_probabilities" not in found[f"predict_{OURS}"].command


def test_masks_are_made_by_the_rule_of_the_cross_validation(steps, workspace):
    found = steps(TUNED)
    rule = found["determine_postprocessing"]
    assert rule.needs == ("find_best",)
    assert after(rule.command, "-m") == str(workspace.results / f"{OURS}__nnUNetCIPAPlans__2d")
    assert after(rule.command, "--measure") == "dice"
    assert rule.command[-3:] == ("-f", "0", "1")
    assert rule.output.writing is Writing.BESIDE
    final = found["postprocess"]
    assert final.command[1] == "apply_postprocessing"
    assert after(final.command, "-i") == str(workspace.predictions(OURS))
    assert after(final.command, "-pp") == str(rule.output.paths[0])
    assert set(final.needs) == {"find_best", f"predict_{OURS}", "determine_postprocessing"}
    assert "--save_probabilities" in found[f"predict_{OURS}"].command
    assert "--save_probabilities" not in found[f"predict_{THEIRS}"].command


def test_an_ensembles_probabilities_are_kept_for_the_rule(steps, workspace):
    found = steps(TUNED, Model(OURS), Model(THEIRS))
    assert "--save_npz" in found["ensemble"].command
    assert after(found["postprocess"].command, "-i") == str(workspace.predictions("ensemble"))
    assert "--save_npz" not in steps(PLAIN, Model(OURS), Model(THEIRS))["ensemble"].command


def test_one_fold_has_no_members(workspace):
    with pytest.raises(InputError, match="--members needs at least two folds"):
        check(workspace, replace(MEMBERS, folds=(0,)))


def test_only_measures_that_can_be_tuned_are_taken(capsys):
    with pytest.raises(SystemExit):
        main(["run", "-i", "x", "-o", "y", "--tune", "sensitivity"])
    assert "invalid choice: 'sensitivity'" in capsys.readouterr().err
