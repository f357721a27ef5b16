"""The run: its order and refusals with made results, and once through nnU-Net itself, killed on the way."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from nnunetv2_cipa.cli import main
from nnunetv2_cipa.cluster.placement import Placement
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.phantom import make_phantom
from nnunetv2_cipa.pipeline.claim import VERSION
from nnunetv2_cipa.pipeline.experiment import Experiment, Model
from nnunetv2_cipa.pipeline.run import run_pipeline
from nnunetv2_cipa.steps import Ledger, locked
from nnunetv2_cipa.submission import read_sample
from nnunetv2_cipa.training.planned import TRAIN_UNTIL

from .conftest import FakeExecutor

TRAINERS = ("nnUNetTrainerCIPA_planned", "nnUNetTrainer_planned")
EXPERIMENT = Experiment(TRAINERS, (0, 1))


@pytest.fixture(autouse=True)
def _quick_polling(monkeypatch):
    monkeypatch.setattr("nnunetv2_cipa.steps.runner.POLL_SECONDS", 0.001)


def run(workspace, best=TRAINERS[:1], experiment=EXPERIMENT, **options):
    """Run with made results; return the executor and what came out."""
    test_labels = options.pop("test_labels", True)
    executor = FakeExecutor(workspace, best, test_labels)
    result = run_pipeline(workspace, experiment, placement=Placement(lambda folder: executor), **options)
    return executor, result


def test_from_data_to_report(workspace):
    executor, best = run(workspace, TRAINERS)
    assert executor.names == [
        "convert",
        "plan",
        "plan_for_CIPA",
        *(f"train_{trainer}_fold{fold}" for trainer in TRAINERS for fold in (0, 1)),
        "find_best",
        *(f"predict_{trainer}" for trainer in TRAINERS),
        "ensemble",
        "postprocess",
        "submission",
        "evaluate",
        "compare",
        "report",
    ]
    assert best.models == tuple(map(Model, TRAINERS))


def test_what_is_done_is_not_repeated_and_more_can_be_asked_for(workspace):
    run(workspace)
    assert run(workspace)[0].names == []
    more, _ = run(workspace, experiment=Experiment(TRAINERS, (0, 1, 2)))
    assert [name for name in more.names if name.startswith("train")] == [
        f"train_{trainer}_fold2" for trainer in TRAINERS
    ]
    assert "find_best" in more.names


def test_seeds_are_trainings_of_their_own_and_can_be_added(workspace):
    first, _ = run(workspace)
    assert not any("seed" in name for name in first.names)
    again, best = run(workspace, (TRAINERS[1],), Experiment(TRAINERS, (0, 1), seeds=(None, 7)))
    assert [name for name in again.names if not name.startswith("predict")] == [
        "plan_for_CIPA_seed7",
        *(f"train_{trainer}_seed7_fold{fold}" for trainer in TRAINERS for fold in (0, 1)),
        *("find_best", "postprocess", "submission", "evaluate", "compare", "report"),
    ]
    assert [name for name in again.names if name.startswith("predict")] == [
        f"predict_{trainer}_seed7" for trainer in TRAINERS
    ]
    assert best.models == (Model(TRAINERS[1]),)


def sample_of(path, *ids):
    path.write_text("".join(["img,mask\n", *(f"{one},1 1\n" for one in ids)]))
    return read_sample(path)


@pytest.mark.slow
def test_another_sample_repeats_the_submission_only(workspace, tmp_path):
    run(workspace)
    experiment = replace(EXPERIMENT, sample=sample_of(tmp_path / "sample.csv", "a_1"))
    assert run(workspace, experiment=experiment)[0].names == ["submission"]
    assert run(workspace, experiment=experiment)[0].names == []
    experiment = replace(EXPERIMENT, sample=read_sample(tmp_path / "sample.csv"))
    (tmp_path / "sample.csv").write_text("id,class,mask\na_1,4,1 1\n")
    assert run(workspace, experiment=experiment)[0].names == ["submission"]


def test_a_sample_of_other_cases_is_refused_before_planning(workspace, tmp_path):
    executor = FakeExecutor(workspace, TRAINERS[:1])
    experiment = replace(EXPERIMENT, sample=sample_of(tmp_path / "sample.csv", "b_1"))
    with pytest.raises(InputError, match=r"(?s)does not fit .*sample\.csv.*nnUNetv2_cipa submission"):
        run_pipeline(workspace, experiment, placement=Placement(lambda folder: executor))
    assert executor.names == ["convert"]


@pytest.mark.parametrize(("text", "message"), [(None, "No such file"), ("id\na\n", "a column of ids and one of masks")])
@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_what_is_no_sample_is_refused_before_anything(source, tmp_path, capsys, text, message, more):
    if text is not None:
        (tmp_path / "sample.csv").write_text(text)
    (source.folder / "a").mkdir()
    (source.folder / "a" / "a_1_CT.png").touch()
    words = ["-i", str(source.folder), "-o", str(tmp_path / "work"), "--sample", str(tmp_path / "sample.csv")]
    assert main(["run", *words, *more]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "work").exists()


def test_without_test_labels_nothing_is_measured(workspace):
    executor, _ = run(workspace, test_labels=False)
    assert executor.names[-5:] == [f"predict_{TRAINERS[0]}", "postprocess", "submission", "compare", "report"]


@pytest.mark.slow
def test_changed_data_are_worked_on_again(workspace):
    first, _ = run(workspace)
    (workspace.source.folder / "image").write_text("other pixels")
    again, _ = run(workspace)
    assert again.names == first.names


def test_with_a_time_budget_trainings_know_their_end(workspace):
    start = time.time()
    executor, _ = run(workspace, deadline=time.time() + 36000)
    options = next(step for step in executor.steps if step.name == "plan_for_CIPA").options
    assert 35000 < float(options[options.index("--time-budget") + 1].rstrip("s")) <= 36000
    trainings = [name for name in executor.names if name.startswith("train")]
    until = [float(executor.environments[name][TRAIN_UNTIL]) for name in trainings]
    assert all(start < one < start + 36000 for one in until)
    assert TRAIN_UNTIL not in executor.environments["find_best"]


def test_a_budget_needs_a_plan_that_was_measured(workspace):
    run(workspace)
    with pytest.raises(InputError, match="was planned without a time budget"):
        run(workspace, deadline=time.time() + 36000)


def test_folds_that_are_not_there_are_refused_before_training(workspace):
    with pytest.raises(InputError, match=r"has the folds 0 to 4, but not \[6\]"):
        run(workspace, experiment=Experiment(TRAINERS, (0, 6)))


def test_steps_can_be_changed_for_other_places(workspace):
    executor = FakeExecutor(workspace, TRAINERS[:1])
    seen = []

    def distribute(steps):
        seen.extend(step.name for step in steps)
        return steps

    run_pipeline(workspace, EXPERIMENT, placement=Placement(lambda folder: executor, distribute))
    assert set(seen) == set(executor.names)


def test_a_planned_dataset_of_the_user_is_not_planned_again(users_workspace):
    users_workspace.preprocessed.mkdir(parents=True)
    (users_workspace.preprocessed / "nnUNetPlans.json").write_text('{"configurations": {}}')
    (users_workspace.preprocessed / "splits_final.json").write_text("[{}, {}]")
    executor, _ = run(users_workspace)
    assert "plan" not in executor.names
    assert (users_workspace.preprocessed / "splits_final.json").read_text() == "[{}, {}]"


def test_a_training_of_the_user_is_not_touched(users_workspace):
    fold = users_workspace.fold_folder(Model(TRAINERS[0]), 0)
    fold.mkdir(parents=True)
    with pytest.raises(InputError, match="is there already and not of this run"):
        run(users_workspace)
    assert fold.is_dir()


def test_folders_of_others_are_refused(workspace, tmp_path):
    workspace.folder.mkdir()
    (workspace.folder / "thesis.tex").touch()
    with pytest.raises(InputError, match=r"neither empty nor an earlier run: it holds thesis\.tex"):
        run(workspace)
    assert [path.name for path in workspace.folder.iterdir()] == ["thesis.tex"]
    (workspace.folder / "run.json").write_text(json.dumps({"data": "/other", "dataset": "Dataset605_PCLT20K"}))
    with pytest.raises(InputError, match="holds a run with /other"):
        run(workspace)


def test_a_run_from_before_seeds_were_seeds_is_refused(workspace):
    run(workspace)
    claim = workspace.folder / "run.json"
    settings = json.loads(claim.read_text())
    assert settings.pop("version") == VERSION
    claim.write_text(json.dumps(settings))
    with pytest.raises(InputError, match="seed 0 was a training without seed"):
        run(workspace)
    assert json.loads(claim.read_text()) == settings


def test_two_at_once_are_refused(workspace):
    run(workspace)
    with locked(workspace.folder), pytest.raises(InputError, match="Another run is at work"):
        run(workspace)


TRAINER = "nnUNetTrainer_forRuns"
SHORT_TRAINER = f"""
from nnunetv2_cipa.training.quick import nnUNetTrainer_quick

class {TRAINER}(nnUNetTrainer_quick):
    def __init__(self, plans, configuration, fold, dataset_json, device=None):
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.num_epochs = 3
        self.num_iterations_per_epoch = 1
        self.num_val_iterations_per_epoch = 1
        self.save_every = 1
"""


class RealRun:
    """The command itself, on a small phantom."""

    def __init__(self, folder: Path) -> None:
        self.work = folder / "work"
        self.fold = self.work / "nnUNet_results" / "Dataset605_PCLT20K" / f"{TRAINER}__nnUNetCIPAPlans__2d" / "fold_0"
        make_phantom(folder / "phantom", patients=6, slices_per_patient=2, size=(40, 32), seed=1)
        (folder / "trainers").mkdir()
        (folder / "trainers" / "trainer_for_runs.py").write_text(SHORT_TRAINER)
        trainers = os.pathsep.join(filter(None, (str(folder / "trainers"), os.environ.get("nnUNet_extTrainer"))))
        few = {"nnUNet_def_n_proc": "1", "nnUNet_n_proc_DA": "1"}
        self.environment = {**os.environ, **few, "nnUNet_extTrainer": trainers}
        command = str(Path(sys.executable).with_name("nnUNetv2_cipa"))
        self.words = [command, "run", "-i", str(folder / "phantom"), "-o", str(self.work)]
        self.words += ["-tr", TRAINER, "-f", "0", "-device", "cpu"]

    def start(self) -> subprocess.Popen:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(self.words, env=self.environment, **streams)

    def interrupt(self, condition, number) -> tuple[int, str]:
        """Start, send a signal when something is so, and return exit code and errors."""
        process = self.start()
        limit = time.monotonic() + 600
        while not condition() and process.poll() is None and time.monotonic() < limit:
            time.sleep(0.05)
        assert process.poll() is None
        process.send_signal(number)
        errors = process.communicate()[1]
        return process.returncode, errors


@pytest.fixture
def real(tmp_path, monkeypatch):
    for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        monkeypatch.delenv(name, raising=False)
    return RealRun(tmp_path)


@pytest.mark.slow
def test_killed_and_stopped_it_goes_on_and_ends_complete(real):
    killed, _ = real.interrupt((real.work / "nnUNet_preprocessed").exists, signal.SIGKILL)
    assert killed == -signal.SIGKILL
    stopped, errors = real.interrupt((real.fold / "checkpoint_latest.pth").exists, signal.SIGTERM)
    assert stopped == 143, errors
    assert "Stopped by SIGTERM" in errors
    complete = real.start()
    output, errors = complete.communicate()
    assert complete.returncode == 0, errors
    assert f"train_{TRAINER}_fold0" in output
    assert "convert: done before" in output
    log = (real.work / "logs" / f"train_{TRAINER}_fold0.log").read_text()
    assert log.count("Epoch 0") == 1  # it went on from the checkpoint
    for name in ("submission.csv", "evaluation.json", "comparison/comparison.json", "report.html"):
        assert (real.work / name).is_file(), name
    references = {path.name for path in (real.work / "nnUNet_raw").glob("*/labelsTs/*.png")}
    predictions = list((real.work / "predictions" / "final").glob("*.png"))
    assert {path.name for path in predictions} == references
    assert {Image.open(path).size for path in predictions} == {(32, 40)}
    results = [entry.get("result") for entry in Ledger(real.work / "steps.jsonl").entries()]
    assert results.count("stopped") == 1
    assert "failed" not in results
    assert f"Best in cross-validation: {TRAINER}" in output
