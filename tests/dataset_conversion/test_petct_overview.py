import csv

from nnunetv2_cipa.dataset_conversion.petct_case import Outcome
from nnunetv2_cipa.dataset_conversion.petct_overview import described, refusals, write_studies_csv

RECORD = {
    "ct": "series 2",
    "pet": "series 3",
    "suv_rule": "BQML",
    "suv_factor": [1e-4, 2e-4],
    "suv_values": {"weight_kg": 70.0},
    "labels": ["SEG.dcm"],
    "passed_over": ["series 4: NAC"],
    "warnings": ["odd"],
    "grid": "ct",
    "pet_grid": "4 mm",
    "label_ml": 1.5,
    "figures": {"body_HU": 10.0, "body_SUV": 0.8, "thick_soft_tissue_SUV": 2.1, "max_SUV": 12.0},
}
DONE = Outcome("a_1", "a", "Tr", True, RECORD)
REFUSED = Outcome("b_1", "b", refusal="Units (0054,1001) is NONE.")


def test_a_study_is_described_with_what_was_chosen_and_why():
    text = described(DONE)
    for part in (
        "a_1",
        "patient a",
        "training",
        "series 2",
        "0.0001 to 0.0002",
        "weight_kg 70",
        "NAC",
        "odd",
        "2.10",
        "SEG.dcm",
    ):
        assert part in text
    assert described(REFUSED) == "b_1: REFUSED. Units (0054,1001) is NONE."


def test_refused_studies_are_listed():
    assert refusals([DONE]) == ""
    assert refusals([DONE, REFUSED]).splitlines() == [
        "1 of 2 studies were refused:",
        "    b_1: Units (0054,1001) is NONE.",
    ]


def test_the_table_has_a_row_for_each(tmp_path):
    write_studies_csv(tmp_path / "studies.csv", [DONE, REFUSED])
    with (tmp_path / "studies.csv").open(newline="") as file:
        done, refused = csv.DictReader(file)
    assert (done["case"], done["set"], done["max_SUV"], done["warnings"]) == ("a_1", "training", "12", "odd")
    assert (refused["case"], refused["refused"], refused["ct"]) == ("b_1", "Units (0054,1001) is NONE.", "")
