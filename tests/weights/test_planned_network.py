"""The network of a plan: its size, its first weights, and what is refused."""

import json

import pytest
import torch

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.network import VARIANTS, Variant
from nnunetv2_cipa.nnunet.folders import dataset_folder
from nnunetv2_cipa.weights.folder_writing import png_plans
from nnunetv2_cipa.weights.planned_network import PlannedNetwork, planned_network

TRAINER = "nnUNetTrainerCIPA"


@pytest.fixture
def planned(tmp_path, monkeypatch):
    """A dataset with plans for images of 64x32, two channels and three classes, of which nothing is preprocessed."""
    monkeypatch.setitem(VARIANTS, "tiny", Variant(depths=(1, 1, 1, 1), channels=32, drop_path_rate=0.0))
    for variable in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        (tmp_path / variable).mkdir()
        monkeypatch.setenv(variable, str(tmp_path / variable))
    folder = tmp_path / "nnUNet_preprocessed" / "Dataset777_Slices"
    folder.mkdir()
    labels = {"background": 0, "tumour": 1, "node": 2}
    dataset = {"channel_names": {"0": "CT", "1": "PET"}, "labels": labels, "numTraining": 5, "file_ending": ".png"}
    (folder / "dataset.json").write_text(json.dumps(dataset))
    (folder / "nnUNetPlans.json").write_text(json.dumps(png_plans(folder.name, (64, 32))))
    return folder


def build(dataset="777", plans="nnUNetPlans", configuration="2d", trainer=TRAINER, seed=0):
    return planned_network(dataset, plans, configuration, trainer, seed)


@pytest.mark.parametrize("dataset", ["777", "Dataset777_Slices"])
def test_as_planned(planned, dataset):
    found = build(dataset)
    assert found.network.patch_size == (64, 32)
    assert found.network.decoder.seg_layers[0].out_channels == 3
    assert list(found.normalizations) == ["RGBTo01Normalization"] * 2
    assert dataset_folder("nnUNet_preprocessed", dataset) == planned


def test_the_seed_decides_on_the_weights_and_is_nobody_elses(planned):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    weights = [build(seed=seed).network.state_dict() for seed in (1, 1, 2)]
    assert torch.equal(torch.rand(3), expected), "random numbers go on as if nothing had been built"
    name = "encoder.stages.0.0.ss2d.input_projection.weight"
    assert all(torch.equal(weights[0][key], value) for key, value in weights[1].items())
    assert not torch.equal(weights[0][name], weights[2][name])


@pytest.mark.parametrize(
    ("schemes", "divided"),
    [
        (("RGBTo01Normalization", "RGBTo01Normalization"), True),
        (("RGBTo01Normalization", "ZScoreNormalization"), False),
        (("CTNormalization", "ZScoreNormalization"), False),
    ],
)
def test_division_by_255_is_that_of_all_channels(schemes, divided):
    assert PlannedNetwork(None, schemes).divided_by_255 is divided


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trainer": "nnUNetTrainerAbsent"}, "nnUNetTrainerAbsent"),
        ({"configuration": "3d_fullres"}, "nnUNetPlans has no configuration '3d_fullres'; it has 2d"),
        ({"plans": "otherPlans"}, r"otherPlans\.json does not exist\. Plan the dataset first"),
        ({"dataset": "778"}, "778"),
    ],
)
def test_what_does_not_exist_is_named(planned, options, message):
    with pytest.raises(InputError, match=message):
        build(**options)


def test_another_network_is_refused(planned, monkeypatch):
    from nnunetv2_cipa.weights import planned_network as module

    monkeypatch.setattr(module, "build_network", lambda *arguments: (torch.nn.Linear(1, 1), (2, 64, 32)))
    with pytest.raises(InputError, match=r"nnUNetTrainer trains a Linear, not CIPA\. Choose -tr nnUNetTrainerCIPA"):
        build(trainer="nnUNetTrainer")
