"""`nnUNetv2_cipa report`: the command."""

import json
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


@pytest.mark.usefixtures("undrawn")
def test_patients_of_a_file_are_taken_instead_of_those_of_names(comparison, tmp_path, capsys):
    """The comparison's own file stays the truth, unless the user gives another one."""
    cases = [case.identifier for case in comparison.models[0].evaluation.cases]
    reference = tmp_path / "raw" / "labelsTs"
    reference.mkdir(parents=True)
    (reference.parent / "dataset.json").write_text("{}")
    by_names = replace(comparison, reference=str(reference))
    files = {"others.json": "x", "raw/patients.json": "y"}
    for name, patient in files.items():
        (tmp_path / name).write_text(json.dumps(dict.fromkeys(cases, patient) | {cases[0]: f"{patient} too"}))

    def shown(compared, *options):
        compared.to_json(tmp_path / "comparison.json")
        words = [
            "-i",
            str(tmp_path / "comparison.json"),
            "-o",
            str(tmp_path / "report.html"),
            "-np",
            "1",
            "--overwrite",
        ]
        assert main(["report", *words, *options]) == 0
        return capsys.readouterr().out, (tmp_path / "report.html").read_text(encoding="utf-8")

    printed, page = shown(by_names)
    assert "--patients" not in printed
    assert '["y too","y","y"' in page
    assert f"Patients: {tmp_path / 'raw' / 'patients.json'}." in page
    assert '["x too","x","x"' in shown(by_names, "--patients", str(tmp_path / "others.json"))[1]
    assert '["ada","ada"' in shown(replace(by_names, patients_file="patients.json"))[1]
    (tmp_path / "raw" / "patients.json").unlink()
    printed, page = shown(by_names)
    assert '["ada","ada"' in page
    assert "--patients" in printed
    assert "--patients" in page
