from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnunetv2_cipa.dataset_conversion.problems import Problems
from nnunetv2_cipa.dataset_conversion.split_lists import patient_of, read_split_lists
from nnunetv2_cipa.errors import InputError


def write_lists(folder: Path, train: bytes, test: bytes) -> Path:
    (folder / "train.txt").write_bytes(train)
    (folder / "test.txt").write_bytes(test)
    return folder


def refusal_of(folder: Path) -> str:
    problems = Problems()
    read_split_lists(folder, problems)
    with pytest.raises(InputError) as refusal:
        problems.refuse(folder)
    return str(refusal.value)


@pytest.mark.parametrize(
    "train",
    [
        b"0001_9\n0001_10\n",
        b"0001_9\n0001_10",
        b"0001_9\r\n0001_10\r\n",
        b"0001_9\r\n0001_10",
        b"\xef\xbb\xbf0001_9\n\n  0001_10\t\n\n",
    ],
)
def test_line_endings_blank_lines_and_byte_order_mark_do_not_matter(tmp_path, train):
    problems = Problems()
    lists = read_split_lists(write_lists(tmp_path, train, b"0002_1"), problems)
    problems.refuse(tmp_path)
    assert lists.train == ["0001_9", "0001_10"]
    assert lists.test == ["0002_1"]


def test_letter_case_of_the_file_names_does_not_matter(tmp_path):
    (tmp_path / "Train.TXT").write_text("0001_9")
    (tmp_path / "TEST.txt").write_text("0002_9")
    assert read_split_lists(tmp_path, Problems()).train == ["0001_9"]


def test_no_lists(tmp_path):
    assert read_split_lists(tmp_path, Problems()) is None


def test_one_list_alone_is_refused(tmp_path):
    (tmp_path / "train.txt").write_text("0001_9")
    with pytest.raises(InputError, match=r"only one of train\.txt and test\.txt.*--seed"):
        read_split_lists(tmp_path, Problems())


def test_two_spellings_of_a_list_are_refused(tmp_path):
    write_lists(tmp_path, b"0001_9", b"0002_9")
    (tmp_path / "TRAIN.txt").write_text("0001_9")
    if len(list(tmp_path.iterdir())) == 2:
        pytest.skip("this file system does not tell letter case apart")
    with pytest.raises(InputError, match=r"TRAIN\.txt and train\.txt"):
        read_split_lists(tmp_path, Problems())


def test_a_list_that_is_no_text_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"train\.txt cannot be read"):
        read_split_lists(write_lists(tmp_path, b"\xff\xfe\x00\x80", b""), Problems())


def test_duplicates_and_overlaps_are_all_named(tmp_path):
    message = refusal_of(write_lists(tmp_path, b"a_1\nA_1\nb_2\nc_3\nd_4", b"b_2\nB_2\nc_4\ne_5"))
    assert "a_1: 2 times in train.txt" in message
    assert "b_2: 2 times in test.txt" in message
    assert "in both train.txt and test.txt: keep each in one list (1):\n    b_2" in message
    assert "keep each patient in one list (2):\n    b\n    c" in message
    assert "d_4" not in message
    assert "e_5" not in message


@given(st.text(st.characters(exclude_characters="_"), min_size=1), st.integers(min_value=0))
def test_patient_is_what_stands_before_the_underscore(patient, number):
    assert patient_of(f"{patient}_{number}") == patient.casefold() == patient_of(f"{patient}_x_{number}")
