import importlib
import json
from argparse import ArgumentParser

import pytest

from nnunetv2_cipa.cli import COMMANDS
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.pipeline import demo


def arguments(*words):
    parser = ArgumentParser()
    demo.add_arguments(parser)
    return parser.parse_args(words)


def test_at_least_twelve_patients_are_for_testing(tmp_path):
    command = demo._phantom(tmp_path / "data").command
    make_phantom = ArgumentParser()
    importlib.import_module(COMMANDS[command[1]].module).add_arguments(make_phantom)
    made = make_phantom.parse_args(command[2:])
    assert made.patients // 5 >= 12


def test_data_must_exist(tmp_path):
    with pytest.raises(InputError, match="there is no such folder"):
        demo.run(arguments("-o", str(tmp_path / "work"), "--data", str(tmp_path / "nothing")))
    assert not (tmp_path / "work").exists()


def test_a_users_folder_is_not_touched(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(InputError, match="neither empty nor an earlier run"):
        demo.run(arguments("-o", str(tmp_path), "--overwrite"))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_demo_with_other_data_is_not_continued(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({"data": "/other", "dataset": "Dataset605_PCLT20K"}))
    with pytest.raises(InputError, match="holds a run with /other"):
        demo.run(arguments("-o", str(tmp_path)))


def test_both_networks_go_through_the_same_steps(tmp_path, monkeypatch):
    asked = {}

    def run_pipeline(workspace, experiment, *, before):
        asked.update(workspace=workspace, experiment=experiment, before=before)
        raise InputError("far enough")

    monkeypatch.setattr(demo, "run_pipeline", run_pipeline)
    monkeypatch.setenv("nnUNet_raw", "/of/the/user")
    with pytest.raises(InputError, match="far enough"):
        demo.run(arguments("-o", str(tmp_path / "work")))
    assert [name.replace("CIPA", "") for name in asked["experiment"].trainers] == ["nnUNetTrainer_demo"] * 2
    assert [step.name for step in asked["before"]] == ["make_phantom"]
    assert asked["workspace"].nnunet_raw == tmp_path / "work" / "nnUNet_raw"
    data = tmp_path / "data"
    (data / "a").mkdir(parents=True)
    (data / "a" / "a_1_CT.png").touch()
    with pytest.raises(InputError, match="far enough"):
        demo.run(arguments("-o", str(tmp_path / "work"), "--data", str(data)))
    assert asked["before"] == []
