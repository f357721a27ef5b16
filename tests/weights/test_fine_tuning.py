"""`nnUNetv2_cipa import_weights -d DATASET`, and stock training that starts from what it makes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from nnunetv2.run.load_pretrained_weights import load_pretrained_weights

from nnunetv2_cipa.cli import main
from nnunetv2_cipa.weights.folder_writing import png_plans
from nnunetv2_cipa.weights.published import HEAD, PATCH_EMBEDDING_BIAS
from nnunetv2_cipa.weights.token_grid import depends_on_grid

FIRST_STEP = 1e-3  # AdamW moves no weight by more than the learning rate at first, but for the decay
TRAINER = """
from nnunetv2_cipa.training.nnUNetTrainerCIPA import nnUNetTrainerCIPA


class nnUNetTrainerCIPA_one_step(nnUNetTrainerCIPA):
    def __init__(self, plans, configuration, fold, dataset_json, device):
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.num_epochs = self.num_iterations_per_epoch = self.num_val_iterations_per_epoch = 1

    def perform_actual_validation(self, save_probabilities=False):
        pass
"""


@pytest.fixture
def trainer_folder(tmp_path) -> Path:
    (tmp_path / "trainers").mkdir()
    (tmp_path / "trainers" / "one_step_of_cipa.py").write_text(TRAINER)
    return tmp_path / "trainers"


def imported(file, dataset, output, *options: str) -> dict[str, torch.Tensor]:
    assert main(["import_weights", str(file), "-d", dataset, "-o", str(output), *options]) == 0
    return torch.load(output, weights_only=True)["network_weights"]


@pytest.mark.slow
def test_stock_training_starts_from_imported_weights(cipa_file, planned_dataset, trainer_folder, tmp_path, capsys):
    dataset = planned_dataset((64, 96), classes=3)
    weights = imported(cipa_file, dataset, tmp_path / "pretrained.pth")
    shown = capsys.readouterr().out
    assert "CIPA-tiny for 128x128, 848 weights" in shown
    assert "resampled from patch size 128x128 to 64x96" in shown
    assert "with its input scaling (v/255*3.2-1.6) folded in" in shown
    assert [line for line in shown.splitlines() if line.startswith(("taken", "adapted", "new", "unused"))] == [
        *("taken: 833", "adapted: 14", "new: 2", "unused: 1")
    ]
    script = Path(sys.executable).with_name("nnUNetv2_train")
    words = [script, dataset, "2d", "all", "-tr", "nnUNetTrainerCIPA_one_step", "-device", "cpu", "-pretrained_weights"]
    environment = os.environ | {"nnUNet_extTrainer": str(trainer_folder), "nnUNet_n_proc_DA": "0"}
    command = [*map(str, words), str(tmp_path / "pretrained.pth")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tmp_path / "nnUNet_results" / dataset / "nnUNetTrainerCIPA_one_step__nnUNetPlans__2d" / "fold_all"
    trained = torch.load(folder / "checkpoint_final.pth", weights_only=False)["network_weights"]
    moved = {name: (trained[name] - weights[name]).abs().max().item() for name in weights}
    assert moved.pop(HEAD) > 0.05
    parameters = {name: distance for name, distance in moved.items() if "running_" not in name and "num_" not in name}
    assert 0 < max(parameters.values()) < 1.1 * FIRST_STEP


@pytest.mark.slow
def test_seed_and_normalisation(old_vmamba_state_dict, planned_dataset, tmp_path, capsys):
    torch.save({"model": old_vmamba_state_dict}, tmp_path / "vssm.pth")
    dataset = planned_dataset((64, 64), normalization="ZScoreNormalization")
    first = imported(tmp_path / "vssm.pth", dataset, tmp_path / "first.pth")
    assert "the file's input scaling was not folded in" in capsys.readouterr().out
    again = imported(tmp_path / "vssm.pth", dataset, tmp_path / "again.pth", "--seed", "0")
    other = imported(tmp_path / "vssm.pth", dataset, tmp_path / "other.pth", "--seed", "1")
    assert all(torch.equal(first[name], again[name]) for name in first)
    different = [name for name in first if not torch.equal(first[name], other[name])]
    assert any(map(depends_on_grid, different))
    assert not [name for name in different if name.startswith(("encoder.stages", "encoder.patch"))]
    assert torch.equal(first[PATCH_EMBEDDING_BIAS], old_vmamba_state_dict["patch_embed.proj.bias"])


@pytest.mark.slow
def test_a_model_of_nnunets_starts_training_elsewhere(blank_network, planned_dataset, tmp_path, capsys):
    """Another patch size, number of classes and normalisation than those it was trained with."""
    plans, dataset_json = png_plans("Dataset998_Slices", (64, 64)), {"labels": {"background": 0, "tumor": 1}}
    arguments = {"plans": plans, "configuration": "2d", "fold": 0, "dataset_json": dataset_json}
    weights = blank_network((64, 64)).state_dict()
    (tmp_path / "fold_0").mkdir()
    checkpoint = tmp_path / "fold_0" / "checkpoint_final.pth"
    torch.save({"network_weights": weights, "trainer_name": "nnUNetTrainerCIPA", "init_args": arguments}, checkpoint)
    dataset = planned_dataset((64, 96), normalization="ZScoreNormalization", classes=4)
    fitted = imported(checkpoint.parent, dataset, tmp_path / "file.pth")
    shown = capsys.readouterr().out
    assert "CIPA-tiny of nnU-Net's for 64x64" in shown
    assert "resampled from patch size 64x64 to 64x96" in shown
    assert "trained on inputs normalised by RGBTo01Normalization, RGBTo01Normalization; the dataset's" in shown
    load_pretrained_weights(blank_network((64, 96), 4), tmp_path / "file.pth")
    assert fitted[HEAD].shape[0] == 4
    assert main(["import_weights", str(checkpoint), "-o", str(tmp_path / "model")]) == 1
    assert "holds weights of nnU-Net's CIPA already" in capsys.readouterr().err
    options = ["-d", dataset, "-tr", "nnUNetTrainerCIPA_small_noCRM", "-o", str(tmp_path / "other.pth")]
    assert main(["import_weights", str(checkpoint), *options]) == 1
    assert "variant tiny" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-d", "555"], "There is no dataset 555"),
        (["-d", "Dataset555_Absent"], "Plan the dataset first"),
        (["-d", "777", "-p", "otherPlans"], "otherPlans.json does not exist"),
        (["-d", "777", "-c", "3d_fullres"], "has no configuration '3d_fullres'; it has 2d"),
        (["-d", "777", "-tr", "nnUNetTrainerCIPB"], "does not find a trainer 'nnUNetTrainerCIPB'"),
    ],
)
def test_what_does_not_exist_is_named(cipa_file, planned_dataset, tmp_path, capsys, options, message):
    planned_dataset((64, 64))
    assert main(["import_weights", str(cipa_file), "-o", str(tmp_path / "file.pth"), *options]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "file.pth").exists()
