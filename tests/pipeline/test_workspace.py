import itertools
import os
from dataclasses import replace

import pytest
from PIL import Image

from nnunetv2_cipa.dataset_conversion import converters
from nnunetv2_cipa.dataset_conversion.converters import CaseCounts
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.pipeline.workspace import Source, count_cases, find_source, open_workspace, stock_command

from .conftest import CASES, CONVERTER, DATASET, write_dataset_json


def test_nnunets_folders_are_in_the_work_folder(workspace, monkeypatch):
    monkeypatch.setenv("nnUNet_def_n_proc", "7")
    environment = workspace.environment
    assert environment["nnUNet_raw"] == str(workspace.folder / "nnUNet_raw")
    assert environment["nnUNet_def_n_proc"] == "7"
    assert environment["PATH"] == os.environ["PATH"]


def test_or_where_the_user_has_set_them(tmp_path, source):
    variables = {"nnUNet_results": str(tmp_path / "models"), "nnUNet_raw": str(tmp_path / "raw")}
    workspace = open_workspace(tmp_path / "work", source, "cpu", variables)
    assert workspace.results == tmp_path / "models" / DATASET
    assert workspace.raw == tmp_path / "raw" / DATASET
    assert workspace.preprocessed == tmp_path / "work" / "nnUNet_preprocessed" / DATASET


def test_a_raw_dataset_is_used_where_it_is(tmp_path):
    source = Source(tmp_path / "data" / "Dataset007_Lungs", "Dataset007_Lungs")
    workspace = open_workspace(tmp_path / "work", source, "cpu", {"nnUNet_raw": str(tmp_path / "raw")})
    assert workspace.raw == source.folder


def test_cases_are_counted_before_the_conversion_and_after_it(workspace):
    assert count_cases(workspace) == CASES
    for part, number in (("imagesTr", 3), ("imagesTs", 2)):
        (workspace.raw / part).mkdir(parents=True)
        for case, channel in itertools.product(range(number), range(2)):
            Image.new("L", (20, 10)).save(workspace.raw / part / f"a_{case}_{channel:04d}.png")
    assert count_cases(workspace) == CASES  # it is no dataset yet
    write_dataset_json(workspace.raw)
    assert count_cases(workspace) == CaseCounts(training=3, test=2, pixels=200, test_labels=False)
    (workspace.raw / "labelsTs").mkdir()
    (workspace.raw / "labelsTs" / "a_0.png").touch()
    assert count_cases(workspace).test_labels


def test_missing_commands_are_named():
    with pytest.raises(InputError, match="nnUNetv2_fly is neither in"):
        stock_command("nnUNetv2_fly")


@pytest.fixture
def raw(tmp_path, monkeypatch):
    dataset = tmp_path / "nnUNet_raw" / "Dataset007_Lungs"
    dataset.mkdir(parents=True)
    (dataset / "dataset.json").touch()
    monkeypatch.setenv("nnUNet_raw", str(dataset.parent))
    return dataset


def test_a_folder_that_a_converter_recognizes_is_to_be_converted(tmp_path):
    (tmp_path / "patient").mkdir()
    (tmp_path / "patient" / "patient_1_CT.png").touch()
    source = find_source(str(tmp_path), 42)
    assert (source.folder, source.dataset, source.dataset_id) == (tmp_path.resolve(), "Dataset042_PCLT20K", 42)
    assert source.converter.command == "convert_PCLT20K"
    assert find_source(str(tmp_path)).dataset == "Dataset605_PCLT20K"


def test_every_entry_of_the_table_of_converters_is_known(tmp_path, monkeypatch):
    entry = replace(CONVERTER, dataset_name="Lymphoma", dataset_id=7, recognizes=lambda folder: folder == tmp_path)
    monkeypatch.setattr(converters, "CONVERTERS", (entry,))
    assert find_source(str(tmp_path)) == Source(tmp_path, "Dataset007_Lymphoma", entry)


def test_a_folder_that_none_recognizes_is_refused(tmp_path):
    with pytest.raises(InputError, match="PCLT20K"):
        find_source(str(tmp_path))


@pytest.mark.parametrize("given", ["7", "007", "Dataset007_Lungs"])
def test_a_dataset_is_found_by_folder_number_and_name(raw, given):
    expected = Source(raw.resolve(), "Dataset007_Lungs")
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
