import json
from argparse import ArgumentParser

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.pipeline import demo
from nnunetv2_cipa.pipeline.workspace import Workspace


def arguments(*words):
    parser = ArgumentParser()
    demo.add_arguments(parser)
    return parser.parse_args(words)


def test_data_must_exist(tmp_path):
    with pytest.raises(InputError, match="there is no such folder"):
        demo.run(arguments("-o", str(tmp_path / "work"), "--data", str(tmp_path / "nothing")))
    assert not (tmp_path / "work").exists()


def test_a_users_folder_is_not_touched(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(InputError, match="neither empty nor an earlier demo"):
        demo.run(arguments("-o", str(tmp_path), "--overwrite"))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_demo_with_other_data_is_not_continued(tmp_path):
    (tmp_path / "demo.json").write_text(json.dumps({"data": "/other"}))
    with pytest.raises(InputError, match="a demo with other data"):
        demo.run(arguments("-o", str(tmp_path)))


def test_both_networks_go_through_the_same_steps(tmp_path):
    names = [step.name for step in demo._steps(Workspace(tmp_path, "cpu"), tmp_path / "phantom", made=True)]
    assert names[:3] == ["make_phantom", "convert", "plan"]
    ours = [name.replace("CIPA", "") for name in names if "CIPA" in name]
    theirs = [name for name in names if "nnUNetTrainer_" in name]
    assert ours == theirs
    assert [name.partition("_")[0] for name in ours] == ["train", "predict", "evaluate"]


def test_given_data_are_not_made(tmp_path):
    assert "make_phantom" not in [s.name for s in demo._steps(Workspace(tmp_path, "cpu"), tmp_path, made=False)]
