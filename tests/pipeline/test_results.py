"""What follows the predictions: which steps there are, and what their commands are told."""

import sys
from dataclasses import replace

from nnunetv2_cipa.pipeline.experiment import Experiment
from nnunetv2_cipa.pipeline.results import SECONDS_FOR_REPORTING, page_of, results, submission_form
from nnunetv2_cipa.pipeline.workspace import count_cases as cases
from nnunetv2_cipa.steps import LocalExecutor, Runner, Writing
from nnunetv2_cipa.submission import SampleSubmission

from .conftest import by_name, words_after, write_dataset_json

OURS, THEIRS = "nnUNetTrainerCIPA", "nnUNetTrainer"
EXPERIMENT = Experiment((OURS, THEIRS), (0, 1))
SEEDS = Experiment((OURS, THEIRS), (0, 1), seeds=(None, 1))
PRESET = Experiment((OURS, THEIRS, f"{THEIRS}__nnUNetResEncUNetMPlans"), (0, 1), seeds=(None, 1))


def test_without_labels_of_the_test_set_the_cross_validation_is_compared(with_labels):
    (with_labels.raw / "labelsTs" / "a.png").unlink()
    steps = by_name(results(with_labels, EXPERIMENT, cases(with_labels)))
    assert list(steps) == ["submission", "compare", "report"]
    assert "--predictions" not in steps["compare"].command
    assert "-ref" not in steps["compare"].command


def test_predictions_are_compared_with_the_best(with_labels):
    steps = by_name(results(with_labels, EXPERIMENT, cases(with_labels)))
    assert list(steps) == ["submission", "evaluate", "compare", "report"]
    assert f"best={with_labels.predictions('final')}" in steps["compare"].command


def test_without_test_images_the_cross_validation_is_compared(with_labels):
    (with_labels.raw / "imagesTs" / "a_0000.png").unlink()
    assert list(by_name(results(with_labels, EXPERIMENT, cases(with_labels)))) == ["compare", "report"]


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


def test_seeds_are_compared_as_runs_of_one_model(with_labels):
    command = by_name(results(with_labels, SEEDS, cases(with_labels)))["compare"].command
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
    step = by_name(results(with_labels, Experiment((OURS,), (0,), sample=sample), cases(with_labels)))["submission"]
    assert step.reads == (tmp_path / "sample.csv",)
    assert step.command[-2:] == ("--sample", str(tmp_path / "sample.csv"))
    without = by_name(results(with_labels, EXPERIMENT, cases(with_labels)))["submission"]
    assert (without.reads, "--sample" in without.command) == ((), False)


def test_presets_are_compared_under_their_name(with_labels):
    command = by_name(results(with_labels, PRESET, cases(with_labels)))["compare"].command
    name = f"{THEIRS}__nnUNetResEncUNetMPlans"
    assert f"{name}={name}__2d" in command
    assert f"{name}={name}_seed1__2d" in command
    assert f"{name}={with_labels.predictions(name)}" in command


def submission_of(workspace, **changes):
    steps = by_name(results(workspace, replace(EXPERIMENT, **changes), cases(workspace)))
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
    steps = by_name(results(with_labels, chosen, cases(with_labels)))
    for name in ("submission", "evaluate", "compare"):
        assert words_after(steps[name].command, "-l") == ["1", "2"], name
    for name in ("evaluate", "compare"):
        assert words_after(steps[name].command, "--patients") == [str(file)], name
        assert file in steps[name].reads, name
    assert "-l" not in by_name(results(with_labels, EXPERIMENT, cases(with_labels)))["compare"].command


def test_each_step_waits_for_what_it_reads(with_labels):
    steps = by_name(results(with_labels, EXPERIMENT, cases(with_labels)))
    assert steps["submission"].needs == steps["evaluate"].needs == ("postprocess",)
    assert steps["compare"].needs == ("find_best", "postprocess", f"predict_{OURS}", f"predict_{THEIRS}")
    assert steps["report"].needs == ("compare",)
    assert with_labels.raw / "labelsTs" in steps["evaluate"].reads


def test_trust_of_an_ensemble_is_in_the_report(with_labels):
    step = by_name(results(with_labels, replace(EXPERIMENT, members=True), cases(with_labels)))["report"]
    assert step.needs == ("compare", "trust")
    assert words_after(step.command, "--trust") == [str(with_labels.folder / "trust")]


def test_a_report_is_replaced_with_the_folder_of_its_cases(tmp_path):
    step = page_of(tmp_path / "comparison", tmp_path / "report.html")
    assert words_after(step.command, "-i") == [str(tmp_path / "comparison" / "comparison.json")]
    assert step.output.paths == (tmp_path / "report.html", tmp_path / "report_files")
    assert (step.output.writing, step.output.proof) == (Writing.REPLACED, (tmp_path / "report.html",))
    assert "--overwrite" in step.options
    assert step.work.fixed_seconds == SECONDS_FOR_REPORTING


def test_before_the_dataset_is_there_slices_are_expected(workspace):
    assert submission_form(workspace, EXPERIMENT) == "csv"
    assert submission_form(workspace, replace(EXPERIMENT, submission="png")) == "png"
