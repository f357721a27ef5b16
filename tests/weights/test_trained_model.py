"""What a checkpoint of ours is recognised as, with and without nnU-Net's plans, and which are refused."""

import pytest
import torch

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.weights.folder_writing import png_plans
from nnunetv2_cipa.weights.published import HEAD, PATCH_EMBEDDING
from nnunetv2_cipa.weights.trained_model import read_trained_model

DATASET = {"labels": {"background": 0, "tumor": 1}, "file_ending": ".png"}


@pytest.fixture
def save(tmp_path):
    """A function that writes weights as nnU-Net does, with plans for a patch size if one is given."""

    def save(weights, patch_size=None, key="network_weights"):
        content = {key: weights, "trainer_name": "nnUNetTrainerCIPA", "init_args": {"configuration": "2d"}}
        if patch_size:
            plans = png_plans("Dataset998_Slices", patch_size)
            content["init_args"] |= {"plans": plans, "fold": 0, "dataset_json": DATASET, "device": torch.device("cpu")}
        torch.save(content, tmp_path / "checkpoint_final.pth")
        return tmp_path / "checkpoint_final.pth"

    return save


@pytest.mark.slow
def test_plans_tell_the_patch_size(save, blank_network):
    path = save(blank_network((64, 96), 3, variant="small").state_dict(), (64, 96))
    for given in (path, path.parent):
        model = read_trained_model(given)
        assert (model.variant, model.patch_size) == ("small", (64, 96))
        assert model.settings.normalizations == ["RGBTo01Normalization"] * 2
        assert not model.settings.has_regions
        assert model.missing_modules == model.unused == []


@pytest.mark.parametrize("key", ["network_weights", "state_dict", "model"])
def test_without_plans_the_patch_is_square(save, blank_network, key):
    model = read_trained_model(save(blank_network((96, 96)).state_dict(), key=key))
    assert (model.patch_size, model.settings) == ((96, 96), None)


def test_without_plans_other_patches_are_unknown(save, blank_network):
    with pytest.raises(InputError, match=r"CRM's 128 positions.*Give the checkpoint as nnU-Net has written it"):
        read_trained_model(save(blank_network((32, 64)).state_dict()))


@pytest.mark.parametrize(
    ("options", "missing", "patch_size"),
    [
        ({"use_crm": False}, ["crm"], None),
        ({"use_dcim": False}, ["dcim"], (64, 64)),
        ({"use_crm": False, "use_dcim": False}, ["crm", "dcim"], None),
    ],
)
def test_ablations_say_what_they_lack(save, blank_network, options, missing, patch_size):
    model = read_trained_model(save(blank_network((64, 64), **options).state_dict()))
    assert (model.missing_modules, model.patch_size) == (missing, patch_size)


def test_wrapped_names_and_other_weights_are_told_apart(save, blank_network):
    weights = {f"module._orig_mod.{name}": value for name, value in blank_network((64, 64)).state_dict().items()}
    model = read_trained_model(save(weights | {"auxiliary.weight": torch.zeros(3)}))
    assert model.unused == ["auxiliary.weight"]
    assert PATCH_EMBEDDING in model.weights


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda weights: weights.pop("crm.2.embedding.bias"), r"crm\.2\.embedding\.bias has no weight"),
        (lambda weights: weights.pop(HEAD), r"seg_layers\.0\.weight has no weight"),
        (lambda weights: weights.update({"decoder.norm.bias": torch.zeros(5)}), r"has \(5,\) instead of \(96,\)"),
    ],
)
def test_damaged_models_are_refused(save, blank_network, spoil, message):
    weights = dict(blank_network((64, 64)).state_dict())
    spoil(weights)
    with pytest.raises(InputError, match=message):
        read_trained_model(save(weights))


@pytest.mark.slow
def test_plans_of_another_patch_size_than_the_weights_are_refused(save, blank_network):
    with pytest.raises(InputError, match=r"crm\.0\.token_norm\.weight has \(256,\) instead of \(1024,\)"):
        read_trained_model(save(blank_network((64, 64)).state_dict(), (128, 128)))
