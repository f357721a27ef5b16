"""Copies of nnU-Net's own plans with a schedule."""

import json
from argparse import ArgumentParser

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.planning import schedules

PRESET = {
    "plans_name": "nnUNetResEncUNetMPlans",
    "configurations": {"2d": {"data_identifier": "nnUNetPlans_2d", "batch_size": 7}, "3d_fullres": {"batch_size": 2}},
}
SCHEDULE = {"num_epochs": 33, "num_iterations_per_epoch": 5, "num_val_iterations_per_epoch": 1}


@pytest.fixture
def preprocessed(tmp_path, monkeypatch):
    monkeypatch.setenv("nnUNet_preprocessed", str(tmp_path))
    folder = tmp_path / "Dataset605_PCLT20K"
    folder.mkdir()
    (folder / "nnUNetResEncUNetMPlans.json").write_text(json.dumps(PRESET))
    (folder / "nnUNetCIPAPlans.json").write_text(json.dumps({"configurations": {"2d": {"batch_size": 3, **SCHEDULE}}}))
    return folder


def run(*words):
    parser = ArgumentParser()
    schedules.add_arguments(parser)
    schedules.run(parser.parse_args(["-d", "605", *words]))


def test_a_copy_differs_in_name_and_schedule_only(preprocessed):
    run("-p", "nnUNetResEncUNetMPlans")
    copy = json.loads((preprocessed / "nnUNetResEncUNetMPlans_planned.json").read_text())
    assert copy == {
        "plans_name": "nnUNetResEncUNetMPlans_planned",
        "configurations": {
            "2d": {"data_identifier": "nnUNetPlans_2d", "batch_size": 7, **SCHEDULE},
            "3d_fullres": {"batch_size": 2},
        },
    }
    assert json.loads((preprocessed / "nnUNetResEncUNetMPlans.json").read_text()) == PRESET
    with pytest.raises(InputError, match="exists already"):
        run("-p", "nnUNetResEncUNetMPlans")


def test_what_is_missing_is_named(preprocessed):
    with pytest.raises(InputError, match=r"otherPlans\.json does not exist"):
        run("-p", "otherPlans")
    (preprocessed / "nnUNetCIPAPlans.json").unlink()
    with pytest.raises(InputError, match=r"nnUNetCIPAPlans\.json does not exist"):
        run("-p", "nnUNetResEncUNetMPlans")
    (preprocessed / "threePlans.json").write_text(json.dumps({"plans_name": "three", "configurations": {"3d": {}}}))
    with pytest.raises(InputError, match="has no configuration '2d'"):
        run("-p", "threePlans")
