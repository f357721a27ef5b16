"""What the page shows of an ensemble's trust, from files as the command trust writes them."""

import base64
import io
import json

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from PIL import Image

from nnunetv2_cipa.cli import main
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.report.page import write_report
from nnunetv2_cipa.report.trust_section import MOST_MAPS, trust_section


def content(cases, *, judged=False):
    rows = [
        {"case": case, "score": score, "agreement": {}, "entropy_bits": entropy, "foreground_pixels": 3}
        for case, score, entropy in cases
    ]
    found = {"members": ["a", "b", "c"], "temperature": 1.0, "highest_entropy_bits": 1.0, "cases": rows}
    if judged:
        for row in rows:
            row["mean_dice"] = row["score"] / 2
        bins = [{"pixels": 0, "mean_probability": None, "foreground": None} for _ in range(14)]
        bins.append({"pixels": 5, "mean_probability": 0.97, "foreground": 0.8})
        found["calibration"] = {"foreground_from_1_percent": {"expected_calibration_error": 0.17, "bins": bins}}
        curve = {"coverage": [0.5, 1.0], "risk": [0.6, 0.75], "optimal": [0.5, 0.75]}
        found["risk_coverage"] = {**curve, "area": 0.675, "optimal_area": 0.625, "random_area": 0.75}
    return found


@pytest.fixture
def folder(tmp_path):
    """A function that writes the files of two cases: a slice, and a volume that is in doubt in its third slice."""

    def write(*, judged=False):
        found = tmp_path / "trust"
        (found / "maps").mkdir(parents=True)
        (found / "trust.json").write_text(json.dumps(content([("<b>", 0.25, 0.5), ("v", 1.0, None)], judged=judged)))
        Image.fromarray(np.full((4, 5), 255, dtype=np.uint8)).save(found / "maps" / "<b>.png")
        values = np.zeros((4, 5, 6), dtype=np.float32)
        values[2, 1:3] = 1
        sitk.WriteImage(sitk.GetImageFromArray(values), str(found / "maps" / "v.nii.gz"))
        return found

    return write


def pixels(picture):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(picture.image.partition(",")[2]))))


def test_the_order_is_that_of_the_files_and_maps_are_bright_where_members_are_in_doubt(folder):
    found = trust_section(folder())
    assert [(row.case, row.score, row.entropy, row.dice) for row in found.rows] == [
        ("<b>", 0.25, 0.5, None),
        ("v", 1.0, None, None),
    ]
    assert found.members == 3
    assert found.plots == []
    assert [(one.case, one.slice) for one in found.maps] == [("<b>", None), ("v", 3)]
    assert pixels(found.maps[0]).min() > 100
    shown = pixels(found.maps[1]).sum(axis=-1)
    assert shown.shape == (5, 6)
    assert shown[1:3].min() > shown[3:].max()


def test_a_page_of_trust_alone_needs_no_comparison(folder, tmp_path, capsys):
    assert main(["report", "--trust", str(folder()), "-o", str(tmp_path / "trust.html")]) == 0
    assert "Look at these first: 2 cases" in (tmp_path / "trust.html").read_text()
    assert main(["report", "--trust", str(tmp_path / "trust"), "-o", str(tmp_path / "trust.html")]) == 1
    assert "exists already" in capsys.readouterr().err


def test_with_references_the_score_itself_is_judged(folder, comparison, tmp_path):
    write_report(comparison, tmp_path / "report.html", trust=trust_section(folder(judged=True)))
    page = (tmp_path / "report.html").read_text()
    assert 'href="#trust"' in page
    assert "Area 0.6750; a score that knows the errors 0.6250, one without meaning 0.7500." in page
    assert "Expected calibration error 17.00 %." in page
    assert 'aria-label="Risk over coverage' in page


def test_a_report_without_it_has_no_such_part(comparison, tmp_path):
    write_report(comparison, tmp_path / "report.html")
    assert 'id="trust"' not in (tmp_path / "report.html").read_text()


def test_only_the_first_maps_are_shown(folder):
    found = folder()
    cases = [(f"c{number}", number / 100, 0.1) for number in range(MOST_MAPS + 5)]
    (found / "trust.json").write_text(json.dumps(content(cases)))
    for case, _, _ in cases[:MOST_MAPS]:
        Image.fromarray(np.zeros((2, 2), dtype=np.uint8)).save(found / "maps" / f"{case}.png")
    section = trust_section(found)
    assert len(section.maps) == MOST_MAPS
    assert len(section.rows) == MOST_MAPS + 5


def test_what_trust_has_not_written_is_refused(folder, tmp_path, capsys):
    found = folder()
    (found / "maps" / "v.nii.gz").unlink()
    with pytest.raises(InputError, match="no map of v"):
        trust_section(found)
    (found / "trust.json").write_text("{}")
    with pytest.raises(InputError, match="not written by nnUNetv2_cipa trust"):
        trust_section(found)
    with pytest.raises(InputError, match=r"Is .* what trust -o named"):
        trust_section(tmp_path)
    assert main(["report", "-o", str(tmp_path / "x.html")]) == 1
    assert "nothing to show" in capsys.readouterr().err
