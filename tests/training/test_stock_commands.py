"""The trainer through nnU-Net's own commands, as subprocesses: train, resume, validate, predict, export, install.

The trainers are found as users find them; only the schedule is cut to a few iterations, by a trainer of the user's own
in `nnUNet_extTrainer`, beside which ours must still be found.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nnunetv2_cipa.comparison import read_comparison
from nnunetv2_cipa.dataset_conversion.Dataset605_PCLT20K import convert_pclt20k
from nnunetv2_cipa.evaluation import MEASURES
from nnunetv2_cipa.phantom import make_phantom

pytestmark = pytest.mark.slow

TRAINER = "nnUNetTrainerCIPA_fewIterations"
SHORT_TRAINER = f"""
from nnunetv2_cipa.training.trainers import nnUNetTrainerCIPA_quick

class {TRAINER}(nnUNetTrainerCIPA_quick):
    def __init__(self, plans, configuration, fold, dataset_json, device=None):
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.num_epochs = 2
        self.num_iterations_per_epoch = 2
        self.num_val_iterations_per_epoch = 1
        self.save_every = 1
"""
DATASET = "Dataset605_PCLT20K"
MODEL = f"{TRAINER}__nnUNetPlans__2d"


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    """A folder with a planned PET-first data set and a user's trainer."""
    folder = tmp_path_factory.mktemp("stock commands")
    patch = pytest.MonkeyPatch()
    for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        (folder / name).mkdir()
        patch.setenv(name, str(folder / name))
    make_phantom(folder / "phantom", patients=6, slices_per_patient=2, size=(40, 32), seed=1)
    convert_pclt20k(folder / "phantom", num_processes=1)
    patch.undo()
    _put_pet_first(folder / "nnUNet_raw" / DATASET)
    (folder / "trainers").mkdir()
    (folder / "trainers" / "trainer_of_the_user.py").write_text(SHORT_TRAINER)
    run(folder, "nnUNetv2_plan_and_preprocess", "-d", "605", "-c", "2d", "-npfp", "1", "-np", "1")
    return folder


def _put_pet_first(dataset: Path) -> None:
    for folder in ("imagesTr", "imagesTs"):
        for ct in (dataset / folder).glob("*_0000.png"):
            pet = ct.with_name(ct.name.replace("_0000", "_0001"))
            images = Image.open(ct).copy(), Image.open(pet).copy()
            images[1].save(ct)
            images[0].save(pet)
    content = json.loads((dataset / "dataset.json").read_text())
    content |= {"channel_names": {"0": "PET", "1": "CT"}, "modalities": ["PET", "CT"]}
    (dataset / "dataset.json").write_text(json.dumps(content))


def run(work: Path, command: str, *arguments: str, fails: bool = False) -> str:
    """Run a stock command in `work` and return what it printed."""
    paths = {name: str(work / name) for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")}
    trainers = os.pathsep.join(filter(None, (str(work / "trainers"), os.environ.get("nnUNet_extTrainer"))))
    few = {"nnUNet_def_n_proc": "1", "nnUNet_n_proc_DA": "1" if "plan" in command else "0"}
    done = subprocess.run(
        [str(Path(sys.executable).with_name(command)), *arguments],
        env={**os.environ, **paths, **few, "nnUNet_extTrainer": trainers},
        capture_output=True,
        text=True,
        check=False,
    )
    output = done.stdout + done.stderr
    assert (done.returncode != 0) == fails, output[-3000:]
    return output


def train(work: Path, *options: str, configuration: str = "2d", trainer: str = TRAINER, fails: bool = False) -> str:
    return run(
        work, "nnUNetv2_train", "605", configuration, "0", "-tr", trainer, "-device", "cpu", *options, fails=fails
    )


@pytest.fixture(scope="module")
def trained(work) -> Path:
    """The model folder after training with --npz."""
    output = train(work, "--npz")
    assert "CT is channel 1, PET is channel 0" in output
    return work / "nnUNet_results" / DATASET / MODEL


def test_training_leaves_what_nnunet_leaves(trained):
    fold = trained / "fold_0"
    for name in ("checkpoint_final.pth", "checkpoint_best.pth", "progress.png", "validation/summary.json"):
        assert (fold / name).is_file(), name
    cases = json.loads((trained.parents[2] / "nnUNet_preprocessed" / DATASET / "splits_final.json").read_text())
    assert {path.stem for path in (fold / "validation").glob("*.npz")} == set(cases[0]["val"])


def test_validation_and_resumption_give_the_same_predictions(work, trained):
    validation = trained / "fold_0" / "validation"
    before = {path.name: np.asarray(Image.open(path)) for path in validation.glob("*.png")}
    (trained / "fold_0" / "checkpoint_final.pth").rename(trained / "fold_0" / "checkpoint_latest.pth")
    for path in validation.iterdir():
        path.unlink()
    train(work, "--c")
    assert before.keys() == {path.name for path in validation.glob("*.png")}
    for name, mask in before.items():
        np.testing.assert_array_equal(np.asarray(Image.open(validation / name)), mask)


def test_a_seeded_plan_repeats_the_training(work, trained):
    """Where data are augmented in the training process, as here."""
    run(work, "nnUNetv2_cipa", "plan_seed", "-d", "605", "-p", "nnUNetPlans", "--seed", "3")
    weights = []
    for _ in range(2):
        train(work, "-p", "nnUNetPlans_seed3")
        folder = work / "nnUNet_results" / DATASET / f"{TRAINER}__nnUNetPlans_seed3__2d"
        weights.append(torch.load(folder / "fold_0" / "checkpoint_final.pth", weights_only=False)["network_weights"])
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    unseeded = torch.load(trained / "fold_0" / "checkpoint_final.pth", weights_only=False)["network_weights"]
    assert not all(torch.equal(value, unseeded[name]) for name, value in weights[0].items())
    assert not (work / "nnUNet_preprocessed" / DATASET / "nnUNetPlans_seed3_2d").exists()  # the data are shared


def test_prediction_zip_and_installation_agree(work, trained):
    images = work / "nnUNet_raw" / DATASET / "imagesTs"
    options = ("-i", str(images), "-device", "cpu", "-npp", "1", "-nps", "1", "-f", "0", "--save_probabilities")
    from_results = ("-d", "605", "-c", "2d", "-tr", TRAINER)
    run(work, "nnUNetv2_predict", *options, "-o", str(work / "predicted"), *from_results)
    archive = work / "model.zip"
    run(work, "nnUNetv2_export_model_to_zip", *from_results, "-o", str(archive), "-f", "0")
    elsewhere = work / "elsewhere"
    for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results", "trainers"):
        (elsewhere / name).mkdir(parents=True)
    (elsewhere / "trainers" / "trainer_of_the_user.py").write_text(SHORT_TRAINER)
    run(elsewhere, "nnUNetv2_install_pretrained_model_from_zip", str(archive))
    installed = elsewhere / "nnUNet_results" / DATASET / MODEL
    again = ("-m", str(installed), "-o", str(work / "predicted_again"))
    run(elsewhere, "nnUNetv2_predict_from_modelfolder", *options, *again)
    predicted = sorted((work / "predicted").glob("*.npz"))
    assert len(predicted) == len(list(images.glob("*_0000.png")))
    for path in predicted:
        with np.load(path) as one, np.load(work / "predicted_again" / path.name) as other:
            np.testing.assert_allclose(one["probabilities"], other["probabilities"], rtol=0, atol=1e-6)


def test_a_trained_model_starts_another_training_at_another_patch_size(work, trained):
    plans_file = work / "nnUNet_preprocessed" / DATASET / "nnUNetPlans.json"
    plans = json.loads(plans_file.read_text())
    plans["configurations"]["2d"]["patch_size"] = [64, 32]
    plans_file.with_name("otherPatch.json").write_text(json.dumps({**plans, "plans_name": "otherPatch"}))
    options = ("-d", "605", "-p", "otherPatch", "-tr", TRAINER, "-o", str(work / "pretrained.pth"))
    output = run(work, "nnUNetv2_cipa", "import_weights", str(trained / "fold_0"), *options)
    assert "new: 2" in output
    assert "to 64x32" in output
    train(work, "-p", "otherPatch", "-pretrained_weights", str(work / "pretrained.pth"))


def test_compare_reads_what_training_leaves(work, trained):
    options = ("-d", "605", "-tr", f"CIPA={TRAINER}", "-f", "0", "-device", "cpu", "-np", "1")
    run(work, "nnUNetv2_cipa", "compare", *options, "-o", str(work / "compared"))
    comparison = read_comparison(work / "compared" / "comparison.json")
    (model,) = comparison.models
    summary = json.loads((trained / "fold_0" / "validation" / "summary.json").read_text())
    dice = [case["metrics"]["1"]["Dice"] for case in summary["metric_per_case"]]
    np.testing.assert_allclose(list(model.case_values(MEASURES["dice"]).values()), dice)
    (curve,) = model.curves
    assert len(curve.epochs) == 2
    assert np.isfinite([curve.train_loss, curve.val_loss, curve.learning_rate, curve.epoch_seconds]).all()
    plans = json.loads((trained / "plans.json").read_text())
    assert model.costs.patch_size == tuple(plans["configurations"]["2d"]["patch_size"])
    assert model.costs.flops > 0
    assert comparison.images.channel_names == ("PET", "CT")


def test_wrong_configuration_is_refused_before_anything_is_made(work, trained):
    plans_file = work / "nnUNet_preprocessed" / DATASET / "nnUNetPlans.json"
    plans = json.loads(plans_file.read_text())
    plans["configurations"]["3d_fullres"] = {**plans["configurations"]["2d"], "patch_size": [16, 32, 32]}
    plans_file.with_name("threeD.json").write_text(json.dumps({**plans, "plans_name": "threeD"}))
    output = train(work, "-p", "threeD", configuration="3d_fullres", trainer="nnUNetTrainerCIPA", fails=True)
    assert "CIPA is a 2D network; 3d_fullres has the 3D patch size [16, 32, 32]" in output
    assert not list(trained.parent.glob("*3d_fullres*"))
