from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path

import pytest

from nnunetv2_cipa.arguments import (
    add_device_argument,
    add_patients_argument,
    add_processes_argument,
    duration_argument,
    seconds_argument,
)


@pytest.fixture
def parser():
    return ArgumentParser()


@pytest.mark.parametrize(("found", "default"), [(True, "cuda"), (False, "cpu")])
def test_the_device_is_cuda_where_pytorch_finds_it(parser, monkeypatch, found, default):
    monkeypatch.setattr("torch.cuda.is_available", lambda: found)
    add_device_argument(parser)
    assert parser.parse_args([]).device == default
    assert parser.parse_args(["-device", "mps"]).device == "mps"
    assert f"default here: {default}" in parser.format_help()
    with pytest.raises(SystemExit):
        parser.parse_args(["-device", "gpu"])


def test_the_number_of_processes_is_nnunets(parser, monkeypatch):
    monkeypatch.setattr("nnunetv2.configuration.default_num_processes", 5)
    add_processes_argument(parser, "slices at a time")
    assert parser.parse_args([]).np == 5
    assert parser.parse_args(["-np", "2"]).np == 2
    assert "slices at a time (default: 5)" in parser.format_help()


def test_patients_are_a_file_in_any_group(parser):
    add_patients_argument(parser.add_argument_group("masks"), "by names", what="patient of each slice")
    assert parser.parse_args([]).patients is None
    assert parser.parse_args(["--patients", "p.json"]).patients == Path("p.json")
    assert "patient of each slice (default: by names)" in " ".join(parser.format_help().split())


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("9h", 32400), ("1.5h", 5400), ("90m", 5400), ("600s", 600), (" 2h", 7200), ("1.5 h", 5400), ("2min", 120)],
)
@pytest.mark.parametrize("argument", [duration_argument, seconds_argument])
def test_times_are_read(argument, text, seconds):
    assert argument(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "h", "soon", "0", "0s", "-1h", "-5m", "5d", "1h30", "infh", "nanh", "9 hours", "1h 3", "٣s x"]
)
@pytest.mark.parametrize("argument", [duration_argument, seconds_argument])
def test_other_texts_are_no_times(argument, text):
    with pytest.raises(ArgumentTypeError, match="is not a time such as"):
        argument(text)


def test_a_bare_number_is_one_of_seconds_only_where_that_is_meant():
    assert seconds_argument("90") == 90
    with pytest.raises(ArgumentTypeError, match="'9' is not a time"):
        duration_argument("9")
