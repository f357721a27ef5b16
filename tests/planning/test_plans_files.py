import json

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.planning.plans_files import preprocessed_folder, read_json, write_plans


@pytest.mark.parametrize("dataset", ["605", "Dataset605_PCLT20K"])
def test_a_dataset_is_found_by_number_and_name(tmp_path, monkeypatch, dataset):
    monkeypatch.setenv("nnUNet_preprocessed", str(tmp_path))
    (tmp_path / "Dataset605_PCLT20K").mkdir()
    assert preprocessed_folder(dataset) == tmp_path / "Dataset605_PCLT20K"


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("nnUNet_preprocessed", str(tmp_path))
    with pytest.raises(InputError, match="no dataset 605"):
        preprocessed_folder("605")
    with pytest.raises(InputError, match=r"plans\.json does not exist"):
        read_json(tmp_path / "plans.json")
    monkeypatch.delenv("nnUNet_preprocessed")
    with pytest.raises(InputError, match="nnUNet_preprocessed is not set"):
        preprocessed_folder("605")


def test_plans_are_written_and_replaced_only_if_asked(tmp_path):
    write_plans(tmp_path / "plans.json", {"plans_name": "one"}, overwrite=False)
    with pytest.raises(InputError, match="exists already"):
        write_plans(tmp_path / "plans.json", {}, overwrite=False)
    assert read_json(tmp_path / "plans.json") == {"plans_name": "one"}
    write_plans(tmp_path / "plans.json", {"plans_name": "two"}, overwrite=True)
    assert json.loads((tmp_path / "plans.json").read_text()) == {"plans_name": "two"}
