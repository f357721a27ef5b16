import json
from argparse import ArgumentParser

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.pipeline import graph
from nnunetv2_cipa.pipeline.experiment import Experiment
from nnunetv2_cipa.pipeline.workspace import Source, Workspace
from nnunetv2_cipa.planning import plan
from nnunetv2_cipa.steps import DoneSteps, Step
from nnunetv2_cipa.timing.work import Prediction, Timings, Training, Work

NAME = "Dataset605_PCLT20K"
FAST = Timings(
    start=1, iteration=0.1, validation_iteration=0.05, epoch_end=0.5, case=0.1, prediction_start=1, merge=0.01
)


@pytest.fixture
def preprocessed(tmp_path, monkeypatch):
    """A planned dataset without images."""
    for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        monkeypatch.setenv(name, str(tmp_path / name))
        (tmp_path / name / NAME).mkdir(parents=True)
    folder = tmp_path / "nnUNet_preprocessed" / NAME
    strides = [[1, 1], *[[2, 2]] * 6]
    configuration = {
        "data_identifier": "nnUNetPlans_2d",
        "batch_size": 12,
        "patch_size": [512, 512],
        "normalization_schemes": ["CTNormalization", "ZScoreNormalization"],
        "architecture": {"arch_kwargs": {"strides": strides}},
    }
    stock = {
        "plans_name": "nnUNetPlans",
        "dataset_name": NAME,
        "foreground_intensity_properties_per_channel": {"0": {"min": 0, "max": 255}, "1": {"min": 0, "max": 255}},
        "configurations": {"2d": configuration, "3d_fullres": {}},
    }
    (folder / "nnUNetPlans.json").write_text(json.dumps(stock))
    names, labels = {"0": "CT", "1": "PET"}, {"background": 0, "tumor": 1}
    for place in (folder, tmp_path / "nnUNet_raw" / NAME):
        content = json.dumps({"channel_names": names, "labels": labels, "file_ending": ".png"})
        (place / "dataset.json").write_text(content)
    (folder / "splits_final.json").write_text(json.dumps([{"train": ["a_1"], "val": ["b_1", "b_2"]}] * 5))
    monkeypatch.setattr(plan, "available_memory", lambda device: 8 * 10**9)
    return folder


def run(*words):
    parser = ArgumentParser()
    plan.add_arguments(parser)
    plan.run(parser.parse_args(["-d", "605", "-device", "cpu", *words]))


def made(preprocessed, name="nnUNetCIPAPlans"):
    return json.loads((preprocessed / f"{name}.json").read_text())


def test_channels_in_doubt_are_told(preprocessed, capsys):
    (preprocessed / "dataset.json").write_text(json.dumps({"channel_names": {"0": "CT", "1": "CT"}}))
    run()
    assert "WARNING: Both channels are named CT" in capsys.readouterr().out
    (preprocessed / "dataset.json").write_text(json.dumps({"channel_names": {"0": "T1", "1": "T2", "2": "FLAIR"}}))
    with pytest.raises(InputError, match="two channels, CT and PET"):
        run("-overwrite_plans_name", "other")
    assert not (preprocessed / "other.json").exists()
    run("-overwrite_plans_name", "stock", "-tr", "nnUNetTrainer_planned")


def test_the_plan_fits_and_shares_the_data(preprocessed, capsys):
    run()
    plans = made(preprocessed)
    assert plans["plans_name"] == "nnUNetCIPAPlans"
    assert list(plans["configurations"]) == ["2d"]
    configuration = plans["configurations"]["2d"]
    assert configuration["data_identifier"] == "nnUNetPlans_2d"
    assert 2 <= configuration["batch_size"] < 12
    assert configuration["num_epochs"] == 1000
    assert plans["cipa"]["needed_bytes"] <= plans["cipa"]["available_bytes"] == 8 * 10**9
    assert (
        "Next: nnUNetv2_train 605 2d FOLD -p nnUNetCIPAPlans -tr nnUNetTrainerCIPA_planned" in capsys.readouterr().out
    )


def test_a_plan_is_not_overwritten_unasked(preprocessed):
    run()
    with pytest.raises(InputError, match="exists already"):
        run()
    run("--overwrite")
    with pytest.raises(InputError, match="the plan to start from"):
        run("-overwrite_plans_name", "nnUNetPlans", "--overwrite")


def test_the_largest_variant_decides_and_other_trainers_do_not(preprocessed):
    run("-tr", "nnUNetTrainerCIPA", "nnUNetTrainerCIPA_base", "-overwrite_plans_name", "base")
    run("-tr", "nnUNetTrainer", "-overwrite_plans_name", "stock")
    assert made(preprocessed, "base")["cipa"]["variant"] == "base"
    assert made(preprocessed, "stock")["configurations"]["2d"]["batch_size"] == 12


def test_fixed_normalization_is_preprocessed_by_nnunet(preprocessed, monkeypatch):
    called = []
    monkeypatch.setattr(plan, "_preprocess", lambda *words: called.append(words))
    run("--normalization", "fixed")
    assert called == [(preprocessed, "nnUNetCIPAPlans", 4)]
    assert made(preprocessed)["configurations"]["2d"]["data_identifier"] == "nnUNetCIPAPlans_2d"


def test_a_time_budget_is_measured_and_planned(preprocessed, monkeypatch):
    measured = []
    monkeypatch.setattr(plan, "measure", lambda *words: measured.append(words) or FAST)
    run("--time-budget", "1h", "-tr", "nnUNetTrainerCIPA_planned", "nnUNetTrainer_planned", "-f", "0", "2")
    assert [(words[2], words[3]) for words in measured] == [
        ("nnUNetTrainerCIPA_planned", 0),
        ("nnUNetTrainer_planned", 0),
    ]
    plans = made(preprocessed)
    assert 10 < plans["configurations"]["2d"]["num_epochs"] < 1000
    assert plans["cipa"]["time_budget_seconds"] == 3600
    assert plans["cipa"]["measured_seconds"]["nnUNetTrainer_planned"]["iteration"] == 0.1


def test_presets_are_measured_on_their_own_plans_and_share_the_time(preprocessed, monkeypatch, capsys):
    measured = []
    monkeypatch.setattr(plan, "measure", lambda *words: measured.append(words) or FAST)
    preset = "nnUNetTrainer_planned__nnUNetResEncUNetMPlans"
    run("--time-budget", "1h", "-tr", preset, "nnUNetTrainerCIPA_planned", preset, "-overwrite_plans_name", "both")
    assert [words[1:3] for words in measured] == [
        ("both", "nnUNetTrainerCIPA_planned"),
        ("nnUNetResEncUNetMPlans", "nnUNetTrainer_planned"),
    ]
    assert list(made(preprocessed, "both")["cipa"]["measured_seconds"]) == ["nnUNetTrainerCIPA_planned", preset]
    assert "-p both -tr nnUNetTrainerCIPA_planned" in capsys.readouterr().out
    run("--time-budget", "1h", "-overwrite_plans_name", "alone")
    both, alone = (made(preprocessed, name)["configurations"]["2d"] for name in ("both", "alone"))
    iterations = [each["num_epochs"] * each["num_iterations_per_epoch"] for each in (both, alone)]
    assert iterations[0] < 0.6 * iterations[1]


def test_a_preset_that_takes_too_much_memory_is_not_made_smaller(preprocessed, monkeypatch):
    def measure(dataset, plans, trainer, fold, device):
        if plans == "nnUNetResEncUNetMPlans":
            raise InputError("torch.OutOfMemoryError: CUDA out of memory")
        return FAST

    monkeypatch.setattr(plan, "measure", measure)
    words = ("nnUNetTrainerCIPA_planned", "nnUNetTrainer_planned__nnUNetResEncUNetMPlans")
    with pytest.raises(InputError, match="OutOfMemoryError"):
        run("--time-budget", "1h", "-tr", *words)


@pytest.mark.slow
def test_a_dataset_without_raw_data_has_a_time_budget_too(preprocessed, tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "measure", lambda *words: FAST)
    (tmp_path / "nnUNet_raw" / NAME / "dataset.json").unlink()
    run("--time-budget", "1h")
    assert 10 < made(preprocessed)["configurations"]["2d"]["num_epochs"] < 1000


def test_seeds_share_the_time(preprocessed, monkeypatch):
    monkeypatch.setattr(plan, "measure", lambda *words: FAST)
    run("--time-budget", "1h", "-overwrite_plans_name", "one")
    run("--time-budget", "1h", "-overwrite_plans_name", "three", "--seeds", "none", "1", "2", "2")
    one, three = (made(preprocessed, name)["configurations"]["2d"] for name in ("one", "three"))
    iterations = [each["num_epochs"] * each["num_iterations_per_epoch"] for each in (one, three)]
    assert 3 * iterations[1] <= iterations[0] < 4 * iterations[1]


@pytest.mark.slow
def test_measuring_is_part_of_the_time(preprocessed, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(plan.time, "monotonic", lambda: clock[0])

    def measure(*words):
        clock[0] += 3500.0
        return FAST

    monkeypatch.setattr(plan, "measure", measure)
    with pytest.raises(InputError, match="2 min are too short"):
        run("--time-budget", "3600s")


def test_batches_that_do_not_fit_the_device_are_halved(preprocessed, monkeypatch):
    def measure(dataset, plans, trainer, fold, device):
        if made(preprocessed)["configurations"]["2d"]["batch_size"] > 2:
            raise InputError("torch.OutOfMemoryError: CUDA out of memory")
        return FAST

    monkeypatch.setattr(plan, "measure", measure)
    run("--time-budget", "1h")
    assert made(preprocessed)["configurations"]["2d"]["batch_size"] == 2


def test_other_failures_of_a_trainer_are_told(preprocessed, monkeypatch):
    def measure(*words):
        raise InputError("nnUNetTrainerCIPA_planned cannot be measured")

    monkeypatch.setattr(plan, "measure", measure)
    with pytest.raises(InputError, match="cannot be measured"):
        run("--time-budget", "1h")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-p", "otherPlans"), "otherPlans.json does not exist. Plan the dataset first"),
        (("-tr", "nnUNetTrainerUnknown"), "does not find a trainer 'nnUNetTrainerUnknown'"),
    ],
)
def test_what_is_missing_is_named(preprocessed, words, message):
    with pytest.raises(InputError, match=message):
        run(*words)


def arguments(*words):
    parser = ArgumentParser()
    plan.add_arguments(parser)
    return parser.parse_args(["-d", "605", "-device", "cpu", *words])


def test_folds_that_are_not_there_are_refused(preprocessed):
    with pytest.raises(InputError, match=r"has the folds 0 to 4, but not \[5, 7\]"):
        plan.works_after_planning(NAME, arguments("-f", "0", "5", "7"))


def test_the_budget_is_for_all_that_a_run_does(preprocessed, tmp_path):
    images = tmp_path / "nnUNet_raw" / NAME / "imagesTs"
    images.mkdir()
    for name in ("a_1_0000.png", "a_1_0001.png", "a_2_0000.png"):
        (images / name).touch()
    works = plan.works_after_planning(NAME, arguments("-f", "0", "1", "2", "--seeds", "none", "1"))
    assert [work.cases for work in works if isinstance(work, Training)] == [2] * 6
    assert [work.cases for work in works if isinstance(work, Prediction)] == [2 * 3] * 2


def test_a_step_more_changes_budget_and_estimate(preprocessed, monkeypatch):
    monkeypatch.setattr(plan, "measure", lambda *words: FAST)
    run("--time-budget", "1h", "-overwrite_plans_name", "before")
    results = graph.results
    more = Step("archive", ("tar",), needs=("report",), work=Work(fixed_seconds=1800))
    monkeypatch.setattr(graph, "results", lambda *given: [*results(*given), more])
    run("--time-budget", "1h", "-overwrite_plans_name", "after")
    before, after = (
        configuration["num_epochs"] * configuration["num_iterations_per_epoch"]
        for configuration in (made(preprocessed, name)["configurations"]["2d"] for name in ("before", "after"))
    )
    assert 0.3 * before < after < 0.6 * before
    workspace = Workspace(preprocessed, Source(preprocessed, NAME), *[preprocessed.parent] * 3, "cpu")
    experiment = Experiment(("nnUNetTrainer",), (0,))
    steps = [step for stage in graph.stages(workspace, experiment, DoneSteps(preprocessed)) for step in stage]
    assert steps[-1] == more


@pytest.mark.parametrize(
    ("words", "pet"), [((), "CTNormalization"), (("--normalization", "stock"), "ZScoreNormalization")]
)
def test_pet_in_suv_keeps_its_scale_unless_stock_is_chosen(preprocessed, monkeypatch, capsys, words, pet):
    names = {"channel_names": {"0": "CT", "1": "PET"}, "pet_unit": "SUV"}
    (preprocessed / "dataset.json").write_text(json.dumps(names))
    monkeypatch.setattr(plan, "_preprocess", lambda *arguments: None)
    run(*words)
    assert made(preprocessed)["configurations"]["2d"]["normalization_schemes"] == ["CTNormalization", pet]
    assert f"normalisation CTNormalization, {pet}" in capsys.readouterr().out
