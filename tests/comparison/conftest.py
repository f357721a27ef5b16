"""Evaluations of known counts, made folders of masks, and a made nnU-Net results folder."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nnunetv2_cipa.comparison import ComparedModel, Comparison, Costs, Curve, Run, Settings
from nnunetv2_cipa.comparison.figures import findings
from nnunetv2_cipa.comparison.published_results import PUBLISHED
from nnunetv2_cipa.evaluation import Case, Evaluation
from nnunetv2_cipa.evaluation.cases import Volumes
from nnunetv2_cipa.evaluation.lesions import Lesions
from nnunetv2_cipa.evaluation.overlap import Overlap
from nnunetv2_cipa.evaluation.surface_distances import SurfaceDistances
from nnunetv2_cipa.nnunet.images import Images
from nnunetv2_cipa.quantities.free_response import Candidates
from nnunetv2_cipa.quantities.lesion_matching import MatchedLesions

DATASET = {"channel_names": {"0": "CT", "1": "PET"}, "labels": {"background": 0, "tumor": 1}, "file_ending": ".png"}
FEW = Settings(resamples=99)


def make_case(identifier, overlap, hausdorff95=1.0, slices=1):
    lesion = (float(overlap[0] + overlap[2]),)
    return Case(
        overlap=Overlap(*overlap),
        lesions=Lesions(detected=1),
        matches=MatchedLesions(detected=lesion if overlap[0] else (), missed=() if overlap[0] else lesion),
        candidates=Candidates(1, (0.9,) * bool(overlap[0]), (0.75,) * bool(overlap[1])),
        volumes=Volumes(),
        distances=SurfaceDistances(hausdorff95, hausdorff95 / 2),
        identifier=identifier,
        patient=identifier.partition("_")[0],
        reference_file=f"ref/{identifier}.png",
        prediction_file=f"pred/{identifier}.png",
        shape=(8, 8),
        spacing=None,
        slices=slices,
        slice_hausdorff95=0.0 if np.isnan(hausdorff95) else hausdorff95,
    )


@pytest.fixture(scope="session")
def evaluation():
    """A function that makes an evaluation of counts (TP, FP, FN, TN), and HD95 if given, of each case."""

    def make(**cases):
        return Evaluation(
            tuple(make_case(name, counts[:4], *counts[4:]) for name, counts in cases.items()), labels=(1,)
        )

    return make


@pytest.fixture(scope="session")
def model():
    """A function that makes a model of evaluations, one a run."""

    def make(name, *evaluations, costs=None, curves=()):
        return ComparedModel(name, tuple(Run(f"from {name}", one) for one in evaluations), costs, curves)

    return make


@pytest.fixture(scope="session")
def comparison(evaluation, model):
    """Two models of three patients; the first was trained twice, and its costs and curves are known."""
    good = evaluation(a_1=(9, 1, 1, 53), a_2=(8, 0, 0, 56), b_1=(5, 1, 0, 58, 2.0), c_1=(4, 4, 0, 56))
    fair = evaluation(a_1=(8, 1, 2, 53), a_2=(7, 1, 1, 55), b_1=(4, 1, 1, 58, 3.0), c_1=(4, 0, 0, 60))
    poor = evaluation(a_1=(5, 1, 5, 53, 4.0), a_2=(8, 5, 0, 51), b_1=(0, 0, 5, 59, float("nan")), c_1=(4, 4, 0, 56))
    costs = Costs(54_000_000, 145_000_000_000, (512, 512), 1.25, 3 * 2**30, "cpu, a processor", 2)
    curve = Curve("0", (1.0, 0.5), (1.1, 0.6), (0.2, float("nan")), (0.01, 0.005), (3600.0, 1800.0))
    models = (model("CIPA", good, fair, costs=costs, curves=(curve,)), model("U-Net", poor))
    found = findings(models, FEW)
    images = Images("raw/imagesTs", ".png", ("CT", "PET"))
    created = "2025-01-01T12:00:00+00:00"
    return Comparison(
        "Dataset605_PCLT20K",
        "raw/labelsTs",
        images,
        models,
        **vars(found),
        published=PUBLISHED,
        settings=FEW,
        created=created,
    )


@pytest.fixture(scope="session")
def row():
    """A function that finds a table's cells by the heading of their row."""

    def find(table, heading):
        return next(cells[1:] for cells in table.rows if cells[0].text == heading)

    return find


@pytest.fixture(scope="session")
def two_of_two(evaluation):
    """The smallest evaluation with something to draw from: two patients of one case each."""
    return evaluation(a_1=(9, 1, 1, 53), b_1=(5, 1, 2, 56))


def write_mask(file: Path, columns: int) -> None:
    """A mask of 8x8 whose first columns are foreground."""
    file.parent.mkdir(parents=True, exist_ok=True)
    mask = np.zeros((8, 8), dtype=np.uint8)
    mask[:, :columns] = 1
    Image.fromarray(mask).save(file)


@pytest.fixture(scope="session")
def masks():
    """A function that writes a folder of masks, by the number of their foreground columns."""

    def write(folder: Path, **columns: int) -> Path:
        for name, number in columns.items():
            write_mask(folder / f"{name}.png", number)
        return folder

    return write


@pytest.fixture
def nnunet(tmp_path, monkeypatch, masks):
    """nnU-Net's folders with a dataset of four patients and two models of two folds, as training leaves them."""
    for variable in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        (tmp_path / variable).mkdir()
        monkeypatch.setenv(variable, str(tmp_path / variable))
    raw = tmp_path / "nnUNet_raw" / "Dataset777_Made"
    masks(raw / "labelsTr", a_1=2, b_1=3, c_1=4, d_1=5)
    masks(raw / "labelsTs", e_1=2, f_1=3, f_2=4, g_1=4)
    for folder in ("imagesTr", "imagesTs"):
        (raw / folder).mkdir()
    (raw / "dataset.json").write_text(json.dumps(DATASET))
    for trainer, error in (("nnUNetTrainer", 2), ("nnUNetTrainer_5epochs", 1)):
        folder = tmp_path / "nnUNet_results" / raw.name / f"{trainer}__nnUNetPlans__2d"
        for fold, cases in enumerate(({"a_1": 2, "b_1": 3}, {"c_1": 4, "d_1": 5})):
            validation = folder / f"fold_{fold}" / "validation"
            masks(validation, **{case: columns + error for case, columns in cases.items()})
            (validation / "summary.json").write_text("{}")
            torch.save(checkpoint(epochs=3), folder / f"fold_{fold}" / "checkpoint_final.pth")
        (folder / "plans.json").write_text(json.dumps(unet_plans(raw.name)))
        (folder / "dataset.json").write_text(json.dumps(DATASET))
    return tmp_path


def checkpoint(epochs):
    """What nnU-Net saves, but for the weights, with one more value in the log of an epoch that was interrupted."""
    values = [np.float32(0.5 - 0.1 * epoch) for epoch in range(epochs)]
    logs = {"train_losses": values, "val_losses": values, "mean_fg_dice": values, "ema_fg_dice": values}
    logs |= {"dice_per_class_or_region": [[value] for value in values], "lrs": [0.01] * (epochs + 1)}
    logs |= {"epoch_start_timestamps": [100.0 * epoch for epoch in range(epochs + 1)]}
    logs |= {"epoch_end_timestamps": [100.0 * epoch + 60 for epoch in range(epochs)]}
    return {"network_weights": {"weight": torch.zeros(3)}, "logging": logs, "trainer_name": "nnUNetTrainer"}


def unet_plans(dataset_name):
    """Plans for a small U-Net, as nnU-Net writes them."""
    from nnunetv2_cipa.weights.folder_writing import png_plans

    plans = png_plans(dataset_name, (8, 8))
    arguments = {
        "n_stages": 2,
        "features_per_stage": [4, 8],
        "conv_op": "torch.nn.modules.conv.Conv2d",
        "kernel_sizes": [[3, 3], [3, 3]],
        "strides": [[1, 1], [2, 2]],
        "n_conv_per_stage": [1, 1],
        "n_conv_per_stage_decoder": [1],
        "conv_bias": True,
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm2d",
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    }
    plans["configurations"]["2d"]["architecture"] = {
        "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
        "arch_kwargs": arguments,
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
    }
    return plans
