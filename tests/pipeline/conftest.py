"""A run's places, and an executor that makes what the steps' commands would make."""

import json
from pathlib import Path

import pytest

from nnunetv2_cipa.dataset_conversion.converters import CaseCounts, Converter
from nnunetv2_cipa.pipeline.experiment import Model
from nnunetv2_cipa.pipeline.workspace import Source, open_workspace
from nnunetv2_cipa.timing.measuring import timings_content
from nnunetv2_cipa.timing.work import Schedule, Timings

DATASET = "Dataset605_PCLT20K"
TIMINGS = Timings(
    start=10, iteration=0.1, validation_iteration=0.05, epoch_end=1, case=0.5, prediction_start=5, merge=0.01
)
CASES = CaseCounts(training=10, test=4, pixels=48 * 32, test_labels=True)
CONVERTER = Converter("convert_PCLT20K", "PCLT20K", 605, recognizes=lambda folder: True, count=lambda folder: CASES)


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "PCLT20K"
    folder.mkdir()
    (folder / "image").write_text("pixels")
    return Source(folder, DATASET, CONVERTER)


@pytest.fixture
def workspace(tmp_path, source):
    """All in the run's folder."""
    return open_workspace(tmp_path / "work", source, "cpu", environment={})


def write_dataset_json(folder, file_ending=".png", **labels):
    folder.mkdir(parents=True, exist_ok=True)
    content = {"channel_names": {"0": "CT", "1": "PET"}, "labels": {"background": 0, **(labels or {"tumour": 1})}}
    (folder / "dataset.json").write_text(json.dumps({**content, "file_ending": file_ending}))


def write_plan(path: Path, *trainers: str, **schedule) -> None:
    """Write what `nnUNetv2_cipa plan` writes, as far as a run reads it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    measured = {"measured_seconds": timings_content(dict.fromkeys(trainers, TIMINGS))} if trainers else {}
    plan = {"configurations": {"2d": Schedule(**schedule).content()}, "cipa": measured}
    path.write_text(json.dumps(plan))


@pytest.fixture
def with_labels(workspace):
    """With a raw dataset of one test case that has a label."""
    for folder in ("imagesTs", "labelsTs"):
        (workspace.raw / folder).mkdir(parents=True)
        name = "a_0000.png" if folder == "imagesTs" else "a.png"
        (workspace.raw / folder / name).touch()
    write_dataset_json(workspace.raw)
    return workspace


@pytest.fixture
def users_workspace(tmp_path, source):
    """With folders that the user has set."""
    variables = {name: str(tmp_path / "of_the_user" / name) for name in ("nnUNet_preprocessed", "nnUNet_results")}
    return open_workspace(tmp_path / "work", source, "cpu", environment=variables)


def by_name(steps):
    return {step.name: step for step in steps}


def words_after(command, option):
    """The words between an option and the next."""
    after = command[command.index(option) + 1 :]
    return list(after[: next((n for n, word in enumerate(after) if word.startswith("-")), len(after))])


class FakeJob:
    def poll(self):
        return 0

    def stop(self):
        pass


class FakeExecutor:
    """Makes what each step makes, and keeps the steps and their environments."""

    capacity = 1

    def __init__(self, workspace, best, test_labels=True):
        self.workspace, self.best, self.test_labels = workspace, list(map(Model, best)), test_labels
        self.steps, self.environments = [], {}

    def submit(self, step, log, environment):
        self.steps.append(step)
        self.environments[step.name] = environment
        log.touch()
        for path in step.output.proof:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.is_dir():
                path.write_text("made")
        special = {"convert": self._raw, "plan": self._splits, "plan_for_CIPA": self._plan, "find_best": self._best}
        special.get(step.name, lambda: None)()
        return FakeJob()

    @property
    def names(self):
        return [step.name for step in self.steps]

    def _raw(self):
        if self.workspace.raw.is_file():
            self.workspace.raw.unlink()
        for folder, name in (("imagesTr", "none"), ("labelsTr", "none"), ("imagesTs", "a_1_0000"), ("labelsTs", "a_1")):
            if folder != "labelsTs" or self.test_labels:
                (self.workspace.raw / folder).mkdir(parents=True, exist_ok=True)
                (self.workspace.raw / folder / f"{name}.png").touch()
        (self.workspace.raw / "imagesTr" / "none.png").unlink()
        write_dataset_json(self.workspace.raw)

    def _splits(self):
        splits = [{"train": ["a_1"], "val": ["b_1", "b_2"]}] * 5
        (self.workspace.preprocessed / "splits_final.json").write_text(json.dumps(splits))

    def _plan(self):
        measured = ["nnUNetTrainer_planned"] if "--time-budget" in self.steps[-1].options else []
        write_plan(self.workspace.plans_file, *measured, num_epochs=100)

    def _best(self):
        models = [{"trainer": one.trainer, "configuration": "2d", "plans_identifier": one.plans} for one in self.best]
        files = {"postprocessing_file": "/pp.pkl", "some_plans_file": "/plans.json", "result_on_crossval_post_pp": 0.5}
        information = {"best_model_or_ensemble": {**files, "selected_model_or_models": models}}
        (self.workspace.results / "inference_information.json").write_text(json.dumps(information))
