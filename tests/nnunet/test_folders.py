import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.folders import dataset_folder, find_dataset, root_folder


@pytest.fixture
def folders(tmp_path, monkeypatch):
    for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    (tmp_path / "nnUNet_raw" / "Dataset701_Lungs").mkdir()
    return tmp_path


def test_a_root_is_read_when_asked_for(folders, monkeypatch):
    assert root_folder("nnUNet_raw") == folders / "nnUNet_raw"
    monkeypatch.setenv("nnUNet_raw", "/elsewhere")
    assert str(root_folder("nnUNet_raw")) == "/elsewhere"


@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_not_set_is_named(folders, monkeypatch, value):
    monkeypatch.delenv("nnUNet_results") if value is None else monkeypatch.setenv("nnUNet_results", value)
    with pytest.raises(InputError, match=r"nnUNet_results is not set.*trained models.*export nnUNet_results="):
        root_folder("nnUNet_results")


@pytest.mark.parametrize("given", ["701", 701, "Dataset701_Lungs"])
def test_datasets_are_found_by_number_and_name(folders, given):
    assert find_dataset(given) == "Dataset701_Lungs"
    assert dataset_folder("nnUNet_preprocessed", given) == folders / "nnUNet_preprocessed" / "Dataset701_Lungs"


@pytest.mark.parametrize("given", ["702", "nonsense"])
def test_a_dataset_that_is_not_there_is_named(folders, given):
    with pytest.raises(InputError, match=f"no dataset {given}"):
        find_dataset(given)


def test_two_datasets_of_one_number_are_refused(folders):
    (folders / "nnUNet_raw" / "Dataset701_Other").mkdir()
    with pytest.raises(InputError, match="701"):
        find_dataset("701")
