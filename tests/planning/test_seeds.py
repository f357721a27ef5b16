import json
from argparse import ArgumentParser

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.planning import seeds

PLANS = {"plans_name": "nnUNetCIPAPlans", "configurations": {"2d": {"data_identifier": "nnUNetPlans_2d"}}}


@pytest.fixture
def preprocessed(tmp_path, monkeypatch):
    monkeypatch.setenv("nnUNet_preprocessed", str(tmp_path))
    folder = tmp_path / "Dataset605_PCLT20K"
    folder.mkdir()
    (folder / "nnUNetCIPAPlans.json").write_text(json.dumps(PLANS))
    return folder


def run(*words):
    parser = ArgumentParser()
    seeds.add_arguments(parser)
    seeds.run(parser.parse_args(["-d", "605", *words]))


def test_a_copy_differs_in_name_and_seed_only(preprocessed):
    run("--seed", "12")
    copy = json.loads((preprocessed / "nnUNetCIPAPlans_seed12.json").read_text())
    assert copy == {**PLANS, "plans_name": "nnUNetCIPAPlans_seed12", "seed": 12}
    assert json.loads((preprocessed / "nnUNetCIPAPlans.json").read_text()) == PLANS


def test_a_copy_is_not_overwritten_unasked(preprocessed):
    run("--seed", "1")
    with pytest.raises(InputError, match="exists already"):
        run("--seed", "1")
    run("--seed", "1", "--overwrite")


def test_zero_is_a_seed_like_others(preprocessed):
    run("--seed", "0")
    assert json.loads((preprocessed / "nnUNetCIPAPlans_seed0.json").read_text())["seed"] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--seed", "1", "-p", "otherPlans"), "otherPlans.json does not exist. Plan the dataset first"),
        (("--seed", "1", "-d", "606"), "no dataset 606"),
    ],
)
def test_what_cannot_be_copied_is_told(preprocessed, words, message):
    with pytest.raises(InputError, match=message):
        run(*words)


@pytest.mark.parametrize("text", ["-1", "one", "1.5", "", "²"])
def test_other_texts_are_no_seeds(text, capsys):
    with pytest.raises(SystemExit):
        run("--seed", text)
    assert "is not a seed" in capsys.readouterr().err or text == "-1"
