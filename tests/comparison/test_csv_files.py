"""Cases and patients as CSV."""

import csv

from nnunetv2_cipa.comparison.csv_files import write_cases, write_patients


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_line_for_each_case_of_each_run(comparison, tmp_path):
    write_cases(tmp_path / "cases.csv", comparison)
    rows = read(tmp_path / "cases.csv")
    assert [(row["model"], row["run"]) for row in rows] == [("CIPA", "1")] * 4 + [("CIPA", "2")] * 4 + [
        ("U-Net", "1")
    ] * 4
    assert [row["case"] for row in rows[:4]] == ["a_1", "a_2", "b_1", "c_1"]
    assert float(rows[0]["dice"]) == 18 / 20
    assert rows[-2]["hausdorff95_pixels"] == ""


def test_a_line_for_each_patient_of_each_run(comparison, tmp_path):
    write_patients(tmp_path / "patients.csv", comparison)
    rows = read(tmp_path / "patients.csv")
    assert [row["patient"] for row in rows] == ["a", "b", "c"] * 3
    assert rows[0]["cases"] == "2"
    assert float(rows[0]["dice"]) == 34 / 36
