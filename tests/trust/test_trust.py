"""The command: order of the cases, maps, and what it is worth where references are known."""

import csv
import json

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from PIL import Image

from nnunetv2_cipa.cli import main
from nnunetv2_cipa.trust.members import find_members
from nnunetv2_cipa.trust.reference import find_references
from nnunetv2_cipa.trust.trust import read_cases


def command(tmp_path, members, *more):
    return main(["trust", "-i", *map(str, members), "-o", str(tmp_path / "out"), "-np", "1", *map(str, more)])


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def test_the_least_trusted_case_comes_first_without_references(tmp_path, members, truth, capsys):
    assert command(tmp_path, members) == 0
    with (tmp_path / "out" / "trust.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["case"] for row in rows] == ["c", "b", "a"]
    disc = truth["b"]
    pairs = [dice(np.roll(disc, i, 1), np.roll(disc, j, 1)) for i, j in ((0, 2), (0, 4), (2, 4))]
    assert float(rows[0]["score"]) == pytest.approx(1 / 3)  # two of three members see nothing
    assert float(rows[1]["agreement_tumour"]) == pytest.approx(np.mean(pairs))
    assert float(rows[2]["score"]) == 1
    content = json.loads((tmp_path / "out" / "trust.json").read_text())
    assert "risk_coverage" not in content
    printed = capsys.readouterr().out
    assert printed.index("c  0.333") < printed.index("b  0.")


def test_maps_show_where_members_are_in_doubt(tmp_path, members, truth):
    assert command(tmp_path, members) == 0
    shown = np.asarray(Image.open(tmp_path / "out" / "maps" / "b.png"))
    agreed = truth["b"] & np.roll(truth["b"], 2, 1) & np.roll(truth["b"], 4, 1)
    disputed = (truth["b"] | np.roll(truth["b"], 2, 1) | np.roll(truth["b"], 4, 1)) & ~agreed
    assert shown[agreed].max() < shown[disputed].min()
    probability = (2 * 0.8 + 0.1) / 3
    bits = -(probability * np.log2(probability) + (1 - probability) * np.log2(1 - probability))
    assert shown[disputed].max() <= round(255 * 1.0)
    assert round(255 * bits) in {*shown[disputed].tolist()}


def test_with_references_calibration_and_risk_coverage_are_measured(tmp_path, members, truth, write_references, capsys):
    references = write_references(tmp_path / "labels", truth)
    assert command(tmp_path, members, "-ref", references) == 0
    content = json.loads((tmp_path / "out" / "trust.json").read_text())
    risks = {case["case"]: 1 - case["mean_dice"] for case in content["cases"]}
    assert risks["a"] == 0
    assert risks["c"] == 0  # the mean of the members sees nothing, as the reference does
    majority = sum(np.roll(truth["b"], shift, 1).astype(int) for shift in (0, 2, 4)) >= 2
    assert risks["b"] == pytest.approx(1 - dice(majority, truth["b"]))
    curve = content["risk_coverage"]
    assert curve["risk"] == pytest.approx([0, risks["b"] / 2, risks["b"] / 3])
    assert curve["random_area"] == pytest.approx(risks["b"] / 3)
    everywhere, relevant = (content["calibration"][key] for key in ("all_pixels", "foreground_from_1_percent"))
    assert sum(one["pixels"] for one in everywhere["bins"]) == 3 * 24 * 24
    assert 0 < everywhere["expected_calibration_error"] < 1
    assert sum(one["pixels"] for one in relevant["bins"]) <= 3 * 24 * 24
    assert "risk-coverage" in capsys.readouterr().out


def test_temperature_changes_probabilities_and_never_masks(tmp_path, members, truth, write_references):
    (tmp_path / "t.json").write_text(json.dumps({"temperature": 3.0}))
    references = write_references(tmp_path / "labels", truth)
    found = find_members(members)
    plain, tempered = (
        read_cases(found, temperature=value, references=find_references(references, ["a", "b", "c"], found.classes))
        for value in (1.0, 3.0)
    )
    for one, other in zip(plain, tempered, strict=True):
        assert one.score == other.score
        assert one.foreground_pixels == other.foreground_pixels
        assert one.judged.dice == other.judged.dice
        assert one.entropy < other.entropy
    assert command(tmp_path, members, "--temperature", tmp_path / "t.json", "--save_probabilities") == 0
    saved = np.load(tmp_path / "out" / "probabilities" / "a.npz")["probabilities"]
    odds = (0.95 / 0.05) ** (1 / 3)
    assert saved[1].max() == pytest.approx(odds / (1 + odds), abs=1e-3)
    assert (tmp_path / "out" / "probabilities" / "a.pkl").is_file()


def test_volumes_have_maps_in_the_patients_space(tmp_path, write_member):
    generator = np.random.default_rng(0)
    folders = [
        write_member(tmp_path / name, {"v": generator.random((4, 5, 6))}, ending=".nii.gz", spacing=(1.0, 2.0, 3.0))
        for name in ("one", "two")
    ]
    assert command(tmp_path, folders) == 0
    image = sitk.ReadImage(str(tmp_path / "out" / "maps" / "v.nii.gz"))
    assert image.GetSpacing() == (1.0, 2.0, 3.0)
    assert 0 <= sitk.GetArrayFromImage(image).min() <= sitk.GetArrayFromImage(image).max() <= 1


def test_everything_bad_is_named_and_nothing_left(tmp_path, members, truth, write_references, capsys):
    (members[0] / "a.npz").write_bytes(b"no zip file")
    np.savez(members[1] / "b.npz", probabilities=np.zeros((3, 1, 24, 24)))
    assert command(tmp_path, members) == 1
    error = capsys.readouterr().err
    assert "2 of 3 cases cannot be read" in error
    assert "a.npz" in error
    assert "b.npz" in error
    assert not (tmp_path / "out").exists()
    references = write_references(tmp_path / "labels", {"a": truth["a"]})
    assert command(tmp_path, members, "-ref", references) == 1
    assert "lacks the label files (.png) of 2 cases:\n    b\n    c" in capsys.readouterr().err
    assert command(tmp_path, members, "--temperature", tmp_path / "none.json") == 1
    assert "none.json cannot be read" in capsys.readouterr().err
