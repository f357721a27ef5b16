"""`nnUNetv2_cipa report`: the command."""

import subprocess
from dataclasses import replace

import pytest

from nnunetv2_cipa.cli import main
from nnunetv2_cipa.pipeline.workspace import stock_command


@pytest.fixture
def file(comparison, tmp_path):
    comparison.to_json(tmp_path / "comparison.json")
    return tmp_path / "comparison.json"


@pytest.mark.slow
def test_from_a_comparison_to_a_page(file, tmp_path):
    words = [
        stock_command("nnUNetv2_cipa"),
        "report",
        "-i",
        str(file),
        "-o",
        str(tmp_path / "new" / "report.html"),
        "-np",
        "1",
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{tmp_path / 'new' / 'report.html'}  0." in done.stdout
    assert (tmp_path / "new" / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.usefixtures("undrawn")
def test_says_so_where_images_are_not_known(comparison, tmp_path, capsys):
    replace(comparison, images=None).to_json(tmp_path / "comparison.json")
    words = ["report", "-i", str(tmp_path / "comparison.json"), "-o", str(tmp_path / "report.html"), "-np", "1"]
    assert main(words) == 0
    assert "the viewer shows outlines alone" in capsys.readouterr().out
    assert main([*words, "--images", comparison.images.folder, "--overwrite"]) == 0
    assert "outlines alone" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "report.pdf"], "must end with .html"),
        (["-i", "absent.json"], "absent.json cannot be read"),
        (["--images", "absent"], "absent is not a folder"),
    ],
)
def test_bad_input(file, tmp_path, capsys, options, message):
    assert main(["report", "-i", str(file), "-o", str(tmp_path / "report.html"), "-np", "1", *options]) == 1
    assert message in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == [file]
