import os
from dataclasses import replace

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.pipeline.source import Source
from nnunetv2_cipa.pipeline.workspace import open_workspace, stock_command

from .conftest import DATASET


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
    source = Source(tmp_path / "data" / "Dataset007_Lungs", "Dataset007_Lungs", converted=False)
    workspace = open_workspace(tmp_path / "work", source, "cpu", {"nnUNet_raw": str(tmp_path / "raw")})
    assert workspace.raw == source.folder


def test_a_test_set_is_awaited_of_a_conversion_and_looked_for_after_it(workspace):
    assert workspace.has_test_images
    assert workspace.has_test_labels
    (workspace.raw / "imagesTs").mkdir(parents=True)
    assert not workspace.has_test_images
    (workspace.raw / "imagesTs" / "a_1_0000.png").touch()
    assert workspace.has_test_images
    assert not workspace.has_test_labels
    given = replace(workspace, source=replace(workspace.source, converted=False))
    assert given.has_test_images


def test_missing_commands_are_named():
    with pytest.raises(InputError, match="nnUNetv2_fly is neither in"):
        stock_command("nnUNetv2_fly")
