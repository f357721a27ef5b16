import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnunetv2_cipa.dataset_conversion.problems import Problems
from nnunetv2_cipa.dataset_conversion.source_folder import (
    SourceFolder,
    hold_out_patients,
    read_source_folder,
)
from nnunetv2_cipa.errors import InputError


def read(folder: Path, seed: int = 0) -> SourceFolder:
    problems = Problems()
    source = read_source_folder(folder, seed, problems)
    problems.refuse(folder)
    return source


def refusal_of(folder: Path) -> str:
    with pytest.raises(InputError) as refusal:
        read(folder)
    return str(refusal.value)


def remove_lists(folder: Path) -> None:
    (folder / "train.txt").unlink()
    (folder / "test.txt").unlink()


def test_slices_are_sorted_by_patient_and_number(source):
    found = read(source)
    assert [files.name for files in found.train[:6]] == ["0001_9", "0001_10", "0001_11", "0002_9", "0002_10", "0002_11"]
    assert [files.name for files in found.test] == ["0006_9", "0006_10", "0006_11", "0007_9", "0007_10", "0007_11"]
    assert found.train[0].ct == source / "0001" / "0001_9_CT.png"
    assert found.train[0].pet == source / "0001" / "0001_9_PET.png"
    assert found.train[0].mask == source / "0001" / "0001_9_mask.png"
    assert found.unlisted == []


def test_letter_case_does_not_matter(source):
    folder = source / "0001"
    for number, (ct, pet, mask) in {9: ("ct", "pet", "Mask"), 10: ("Ct", "Pet", "MASK")}.items():
        for old, new in (("CT.png", f"{ct}.PNG"), ("PET.png", f"{pet}.png"), ("mask.png", f"{mask}.Png")):
            (folder / f"0001_{number}_{old}").rename(folder / f"0001_{number}_{new}")
    assert read(source).train[0].mask.name == "0001_9_Mask.Png"


def test_padded_numbers_and_letter_case_of_names(source, write_slice):
    write_slice(source, "Ab_007")
    with (source / "train.txt").open("a") as file:
        file.write("aB_007")
    assert read(source).train[-1].name == "aB_007"


def test_other_files_do_not_matter(source):
    for path in ("0001/._0001_9_CT.png", "0001/Thumbs.db", "readme_CT.png", ".cache/x_1_CT.png", "0001/0001_9_CT.jpg"):
        (source / path).parent.mkdir(exist_ok=True)
        (source / path).write_bytes(b"")
    assert len(read(source).train) == 15


def test_unlisted_slices_are_left_out(source, write_slice):
    write_slice(source, "0001_99")
    assert read(source).unlisted == ["0001_99"]


def test_incomplete_slices_are_all_named(source):
    (source / "0001" / "0001_9_CT.png").unlink()
    (source / "0006" / "0006_9_PET.png").unlink()
    (source / "0006" / "0006_9_mask.png").unlink()
    shutil.rmtree(source / "0007")
    message = refusal_of(source)
    for line in (
        "0001_9: no CT",
        "0006_9: no PET, no mask",
        *(f"0007_{number}: no CT, no PET, no mask" for number in (9, 10, 11)),
    ):
        assert f"\n    {line}" in message


def test_two_files_for_one_image_are_refused(source):
    shutil.copy(source / "0001" / "0001_9_CT.png", source / "0001" / "0001_9_cT.png")
    if len(list((source / "0001").iterdir())) == 9:
        pytest.skip("this file system does not tell letter case apart")
    assert "0001_9_CT.png and" in refusal_of(source)


def test_a_slice_in_another_patients_folder_is_refused(source):
    (source / "0001" / "0001_9_CT.png").rename(source / "0002" / "0001_9_CT.png")
    assert f"not in the folder of their patient: move them (1):\n    {source / '0002' / '0001_9_CT.png'}" in refusal_of(
        source
    )


@pytest.mark.parametrize("name", ["LUNG_0001_9", "0008-9", "0008_9b", "_9", "0008_", "../0001_9"])
def test_names_without_patient_and_number_are_refused(source, name):
    with (source / "train.txt").open("a") as file:
        file.write(f"{name}\n")
    assert f"the patient without an underscore: rename them (1):\n    {name}" in refusal_of(source)


def test_without_lists_a_fifth_of_the_patients_is_held_out(source, write_slice):
    remove_lists(source)
    for patient in range(8, 11):
        write_slice(source, f"{patient:04d}_1")
    first, again, other = read(source, seed=1), read(source, seed=1), read(source, seed=2)
    assert len({files.patient for files in first.test}) == 2
    assert not {files.patient for files in first.test} & {files.patient for files in first.train}
    assert len(first.train) + len(first.test) == 24
    assert first == again
    assert {files.patient for files in other.test} != {files.patient for files in first.test}
    assert "seed 1" in first.split


def test_without_lists_incomplete_slices_are_refused_too(source):
    remove_lists(source)
    (source / "0001" / "0001_9_CT.png").unlink()
    assert "0001_9: no CT" in refusal_of(source)


@given(st.integers(2, 200), st.integers(0, 2**32 - 1))
def test_a_fifth_of_the_patients_is_held_out(count, seed):
    patients = [f"p{number}" for number in range(count)]
    test = hold_out_patients(patients, seed)
    assert test < set(patients)
    assert len(test) == -(-count // 5)
    assert test == hold_out_patients(patients, seed)


def test_one_patient_is_for_training(tmp_path, write_slice):
    write_slice(tmp_path, "0001_1")
    assert [files.name for files in read(tmp_path).train] == ["0001_1"]
    assert read(tmp_path).test == []


def test_a_list_for_training_without_names(source):
    (source / "train.txt").write_text("\n")
    assert "train.txt without names" in refusal_of(source)


def test_no_folder(tmp_path):
    with pytest.raises(InputError, match="nowhere is not a folder"):
        read(tmp_path / "nowhere")


def test_folder_without_slices(tmp_path):
    (tmp_path / "sub").mkdir()
    with pytest.raises(InputError, match=r"No <patient>/<name>_CT\.png below"):
        read(tmp_path)
