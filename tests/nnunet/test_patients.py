import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.patients import (
    doubts,
    find_patients,
    mixing,
    patient_folds,
    patients_of,
    read_patients,
    write_patients,
)

counts_of_slices = st.lists(st.integers(1, 60), min_size=1, max_size=40)


def slices_of(counts):
    return {f"{patient}_{number}": f"p{patient}" for patient, count in enumerate(counts) for number in range(count)}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not valid JSON"),
        ("[]", "must give each case identifier its patient"),
        ('{"case_1": 7, "case_2": "Ada"}', "It does not for case_1"),
        ('{"case_1": ""}', "It does not for case_1"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path, content, message):
    (tmp_path / "patients.json").write_text(content)
    with pytest.raises(InputError, match=message):
        read_patients(tmp_path / "patients.json")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="cannot be read: No such file"):
        patients_of(["a"], tmp_path / "patients.json")


def test_a_byte_order_mark_does_no_harm(tmp_path):
    (tmp_path / "patients.json").write_text('{"case_1": "Ada"}', encoding="utf-8-sig")
    assert read_patients(tmp_path / "patients.json") == {"case_1": "Ada"}


def test_a_folder_in_its_place_is_named(tmp_path):
    (tmp_path / "patients.json").mkdir()
    with pytest.raises(InputError, match=r"patients\.json cannot be read: Is a directory"):
        patients_of(["a"], find_patients(tmp_path))


def test_a_file_has_the_last_word(tmp_path):
    write_patients(tmp_path, {"0001_2": "Bert", "0001_1": "Ada", "0002_1": "Ada"})
    file = tmp_path / "patients.json"
    assert list(patients_of(["0001_1", "0001_2"], file).items()) == [("0001_1", "Ada"), ("0001_2", "Bert")]
    assert patients_of(["0001_1", "0001_2"]) == {"0001_1": "0001", "0001_2": "0001"}
    with pytest.raises(InputError, match=r"does not name the patients of 2 cases:\n0003_1\n0003_2"):
        patients_of(["0001_1", "0003_1", "0003_2"], file)
    with pytest.raises(InputError, match="--overwrite"):
        write_patients(tmp_path, {})


def test_where_a_file_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("nnUNet_raw", str(tmp_path / "raw"))
    raw, planned = tmp_path / "raw" / "Dataset605_PCLT20K", tmp_path / "preprocessed" / "Dataset605_PCLT20K"
    references, labels = planned / "gt_segmentations", raw / "labelsTr"
    for folder in (references, labels, tmp_path / "labels"):
        folder.mkdir(parents=True)
    write_patients(raw, {})
    assert find_patients(raw) == raw / "patients.json"
    assert find_patients(labels) is None  # whatever lies beside a folder speaks of it only if that is a dataset
    for dataset in (raw, planned):
        (dataset / "dataset.json").write_text("{}")
    assert find_patients(labels) == find_patients(references) == find_patients(planned) == raw / "patients.json"
    write_patients(planned, {})
    assert find_patients(references) == planned / "patients.json"
    write_patients(references, {})
    assert find_patients(references) == references / "patients.json"
    assert find_patients(tmp_path / "labels") is None
    monkeypatch.chdir(labels)
    assert find_patients(type(raw)("."))
    monkeypatch.delenv("nnUNet_raw")
    assert find_patients(labels) == raw / "patients.json"


@pytest.mark.parametrize(
    ("patients", "message"),
    [
        (dict.fromkeys(["0001_1", "0001_2"], "0001"), "All 2 cases are taken for those of one patient, 0001."),
        ({f"{t}_{n}": t for t in ("fdg", "psma") for n in range(6)}, "2 patients, fdg, psma: these look like tracers"),
        ({f"site{p}_{n}": f"site{p}" for p in range(2) for n in range(50)}, "only 2 patients: site0, site1."),
        ({f"{n % 501 * n}_{n}": str(n % 501 * n) for n in range(501)} | {f"0_{n}": "0" for n in range(401)}, "401 of"),
        ({f"BraTS21_{n}": f"BraTS21_{n}" for n in range(9)}, "BraTS21 for the dataset's name"),
        ({f"{a}_{n}": f"{a}_{n}" for a in ("ada", "bert") for n in range(9)}, "begin with ada, bert"),
        (
            {f"x_1_{study}_{number}": f"x_1_{study}" for study in (1, 2) for number in (1, 2)},
            "x_1_1, x_1_2, which may as well be studies of only 1: x_1.",
        ),
        ({"slice_1": "slice_1", "slice_2": "slice_2"}, "they are named like slices"),
    ],
)
def test_doubt_is_said_with_the_remedy(patients, message):
    [doubt] = doubts(patients)
    assert message in doubt
    assert "--patients" in doubt
    assert "patients.json" in doubt


@pytest.mark.parametrize(
    "cases",
    [
        [f"{patient:04}_{number}" for patient in range(25) for number in range(30)],
        [f"{patient:04}_{number}" for patient in range(4) for number in range(8)],
        [f"fdg_{patient:010x}_2020-01-0{study}" for patient in range(9) for study in (1, 2)],
        [f"{centre}-{number:03}" for centre in ("CHUM", "CHUS") for number in range(50)],
        [f"case_{number:05}" for number in range(1000)],
        ["case_1"],
        [],
    ],
)
def test_no_doubt(cases):
    assert doubts(patients_of(cases)) == []


@given(counts_of_slices, st.integers(2, 5))
def test_no_patient_is_in_two_folds_and_every_case_is_validated_once(counts, num_folds):
    patients = slices_of(counts)
    folds = patient_folds(patients, num_folds)
    if len(counts) == 1:
        assert folds == []
        return
    assert len(folds) == min(num_folds, len(counts))
    assert sorted(case for fold in folds for case in fold["val"]) == sorted(patients)
    for fold in folds:
        assert fold["val"]
        assert fold["val"] == sorted(fold["val"])
        assert sorted(fold["train"] + fold["val"]) == sorted(patients)
    assert mixing(folds, patients) == {}


@given(st.lists(st.integers(1, 60), min_size=5, max_size=40))
def test_folds_differ_by_no_more_than_the_largest_patient(counts):
    sizes = [len(fold["val"]) for fold in patient_folds(slices_of(counts))]
    assert max(sizes) - min(sizes) <= max(counts)


def test_folds_do_not_depend_on_the_order_of_cases():
    cases = slices_of(range(1, 10))
    assert patient_folds(cases) == patient_folds(dict(reversed(cases.items())))


def test_mixed_folds_are_named_with_their_patients():
    patients = {"a1": "a", "a2": "a", "b1": "b", "b2": "b", "c1": "c"}
    folds = [
        {"train": ["a1", "b1", "c1"], "val": ["b2", "a2"]},
        {"train": ["a1", "a2"], "val": ["b1", "unknown"]},
        {"train": ["b1", "unknown"], "val": ["b2", "unknown"]},
    ]
    assert mixing(folds, patients) == {0: ["a", "b"], 2: ["b"]}


def test_the_file_is_plain_json(tmp_path):
    write_patients(tmp_path, {"1_1": "1"})
    assert json.loads((tmp_path / "patients.json").read_text()) == {"1_1": "1"}
