import os

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.pipeline.workspace import Workspace, stock_command


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path, "cpu")


def test_nnunets_folders_are_in_the_work_folder_whatever_the_user_has(workspace, monkeypatch):
    monkeypatch.setenv("nnUNet_raw", "/elsewhere")
    monkeypatch.setenv("nnUNet_def_n_proc", "7")
    environment = workspace.environment
    assert environment["nnUNet_raw"] == str(workspace.folder / "nnUNet_raw")
    assert environment["nnUNet_def_n_proc"] == "7"
    assert environment["PATH"] == os.environ["PATH"]


def test_training_continues_where_there_is_a_checkpoint(workspace):
    assert "--c" not in workspace.train("nnUNetTrainer", 0)
    fold = workspace.fold_folder("nnUNetTrainer", 0)
    fold.mkdir(parents=True)
    (fold / "checkpoint_latest.pth").touch()
    assert workspace.train("nnUNetTrainer", 0)[-1] == "--c"
    assert "--c" not in workspace.train("nnUNetTrainer", 1)


def test_commands_name_device_and_trainer(workspace):
    assert workspace.train("nnUNetTrainer", 3)[1:8] == ["605", "2d", "3", "-tr", "nnUNetTrainer", "-device", "cpu"]
    assert "nnUNetTrainerCIPA" in workspace.predict("nnUNetTrainerCIPA", 0)
    assert workspace.plan()[0].endswith("nnUNetv2_plan_and_preprocess")


def test_missing_commands_are_named():
    with pytest.raises(InputError, match="nnUNetv2_fly is neither in"):
        stock_command("nnUNetv2_fly")
