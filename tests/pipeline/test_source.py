import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.pipeline.source import Source, find_source


@pytest.fixture
def raw(tmp_path, monkeypatch):
    dataset = tmp_path / "nnUNet_raw" / "Dataset007_Lungs"
    dataset.mkdir(parents=True)
    (dataset / "dataset.json").touch()
    monkeypatch.setenv("nnUNet_raw", str(dataset.parent))
    return dataset


def test_a_folder_without_dataset_json_is_to_be_converted(tmp_path):
    source = find_source(str(tmp_path), 42)
    assert source == Source(tmp_path.resolve(), "Dataset042_PCLT20K", converted=True)
    assert source.dataset_id == 42


@pytest.mark.parametrize("given", ["7", "007", "Dataset007_Lungs"])
def test_a_dataset_is_found_by_folder_number_and_name(raw, given):
    expected = Source(raw.resolve(), "Dataset007_Lungs", converted=False)
    assert find_source(given) == find_source(str(raw)) == expected


def test_a_dataset_of_another_name_is_refused(tmp_path):
    (tmp_path / "lungs").mkdir()
    (tmp_path / "lungs" / "dataset.json").touch()
    with pytest.raises(InputError, match="not named as nnU-Net wants"):
        find_source(str(tmp_path / "lungs"))


def test_what_is_not_there_is_refused(raw, monkeypatch):
    with pytest.raises(InputError, match="-i 8: neither a folder, nor one dataset in nnUNet_raw"):
        find_source("8")
    (raw.parent / "Dataset007_Other").mkdir()
    (raw.parent / "Dataset007_Other" / "dataset.json").touch()
    with pytest.raises(InputError, match="nor one dataset"):
        find_source("7")
    monkeypatch.delenv("nnUNet_raw")
    with pytest.raises(InputError, match="and nnUNet_raw is not set"):
        find_source("7")
