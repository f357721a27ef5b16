import importlib
import json
from argparse import ArgumentParser

import numpy as np
import pytest
from PIL import Image

from nnunetv2_cipa.cli import COMMANDS
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.pipeline import demo
from nnunetv2_cipa.pipeline.demo import PREDICTION_COLOUR, REFERENCE_COLOUR, draw_overlay


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


def save(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def has_colour(image, colour):
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    return (np.abs(image.astype(int) - rgb).max(axis=-1) < 40).any()


def draw(tmp_path, prediction):
    square = np.zeros((32, 24), np.uint8)
    square[8:20, 6:15] = 1
    for channel in ("0000", "0001"):
        save(tmp_path / "data" / "imagesTs" / f"a_1_{channel}.png", np.full((32, 24), 90, np.uint8))
    save(tmp_path / "data" / "labelsTs" / "a_1.png", square)
    save(tmp_path / "model" / "a_1.png", prediction)
    draw_overlay(tmp_path / "picture.png", tmp_path / "data", {"model": tmp_path / "model"}, ["a_1"])
    return np.asarray(Image.open(tmp_path / "picture.png").convert("RGB"))


def test_reference_and_prediction_are_outlined(tmp_path):
    prediction = np.zeros((32, 24), np.uint8)
    prediction[2:7, 3:9] = 1
    picture = draw(tmp_path, prediction)
    assert has_colour(picture, REFERENCE_COLOUR)
    assert has_colour(picture, PREDICTION_COLOUR)


def test_an_empty_prediction_has_no_outline(tmp_path):
    picture = draw(tmp_path, np.zeros((32, 24), np.uint8))
    assert has_colour(picture, REFERENCE_COLOUR)
    assert not has_colour(picture, PREDICTION_COLOUR)
