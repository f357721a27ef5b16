"""What is taken, adapted, new and unused when published weights are fitted to a network to be trained."""

import pytest
import torch
from nnunetv2.run.load_pretrained_weights import load_pretrained_weights

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.network import CIPA
from nnunetv2_cipa.weights.input_scaling import IMAGENET, PUBLISHED
from nnunetv2_cipa.weights.layout import our_key
from nnunetv2_cipa.weights.pretrained import fit_weights
from nnunetv2_cipa.weights.published import HEAD, PATCH_EMBEDDING, PATCH_EMBEDDING_BIAS
from nnunetv2_cipa.weights.source import Source
from nnunetv2_cipa.weights.token_grid import depends_on_grid, resample_crm
from nnunetv2_cipa.weights.trained_model import TrainedModel


@pytest.fixture
def cipa(golden_weights):
    return Source("CIPA", "tiny", (128, 128), golden_weights, unused=["backbone.total_ops"])


@pytest.fixture
def vmamba(golden_weights):
    encoder = {key: value for key, value in golden_weights.items() if "vssm" in key and "outnorm" not in key}
    return Source("VMamba", "tiny", None, encoder, unused=["head.weight"])


@pytest.fixture
def trained(blank_network):
    """A model of ours for 64x96, PET first, three classes; its weights are numbers drawn."""
    torch.manual_seed(0)
    weights = blank_network((64, 96), 3).state_dict()
    weights = {name: torch.rand(value.shape) if value.is_floating_point() else value for name, value in weights.items()}
    weights["channel_order"] = torch.tensor([1, 0])
    return TrainedModel(weights, "tiny", (64, 96), None, unused=["own.weight"])


def require_partition(report, network):
    names = [*report.taken, *report.adapted, *report.new]
    assert len(names) == len(set(names))
    assert set(names) == set(network.state_dict())


@pytest.mark.slow
def test_everything_fits_at_the_same_patch_size(cipa, blank_network):
    network = blank_network((128, 128), 4)
    weights, report = fit_weights(cipa, network, divided_by_255=True)
    require_partition(report, network)
    assert set(report.adapted) == {PATCH_EMBEDDING, PATCH_EMBEDDING_BIAS}
    assert set(report.new) == {"channel_order", HEAD}
    assert report.unused == ["decode_head.output.weight", "backbone.total_ops"]
    assert weights[HEAD].shape[0] == 4
    for key, value in cipa.weights.items():
        if our_key(key) in report.taken:
            assert torch.equal(weights[our_key(key)].flatten(), value.flatten()), key
    network.load_state_dict(weights)


@pytest.mark.parametrize("divided_by_255", [True, False])
@pytest.mark.parametrize("layout", ["cipa", "vmamba"])
def test_first_convolution(request, layout, divided_by_255, blank_network):
    """Divided by 255, the encoder sees what it was trained on; otherwise its weights see the dataset's values."""
    source = request.getfixturevalue(layout)
    network = blank_network((128, 128))
    weights, report = fit_weights(source, network, divided_by_255=divided_by_255)
    network.load_state_dict(weights)
    grey = torch.rand(1, 1, 32, 32)
    scaling = {"cipa": PUBLISHED, "vmamba": IMAGENET}[layout]
    gain, offset = (torch.tensor(values).view(1, 3, 1, 1) for values in (scaling.gain, scaling.offset))
    seen = grey * gain + offset if divided_by_255 else grey.expand(-1, 3, -1, -1)
    first = (source.weights[f"backbone.vssm.patch_embed.0.{leaf}"] for leaf in ("weight", "bias"))
    expected = torch.nn.functional.conv2d(seen, *first, stride=4)
    with torch.no_grad():
        found = network.encoder.patch_embedding.projection(grey)
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-5)
    assert (PATCH_EMBEDDING_BIAS in report.adapted) is divided_by_255


def test_vmamba_fills_the_encoder_alone(vmamba, blank_network):
    network = blank_network((96, 64))
    weights, report = fit_weights(vmamba, network, divided_by_255=True)
    require_partition(report, network)
    assert len(report.taken) + len(report.adapted) == 208
    assert {name.split(".")[0] for name in report.taken} == {"encoder"}
    assert report.unused == ["head.weight"]
    initial = network.state_dict()
    assert all(torch.equal(weights[name], initial[name]) for name in report.new)


@pytest.mark.parametrize("crm", ["resample", "new"])
def test_another_patch_size(cipa, crm, blank_network):
    network = blank_network((96, 64))
    weights, report = fit_weights(cipa, network, divided_by_255=False, crm=crm)
    require_partition(report, network)
    per_position = set(filter(depends_on_grid, network.state_dict()))
    assert len(per_position) == 12
    assert per_position <= set(report.adapted if crm == "resample" else report.new)
    assert len(report.unused) == (2 if crm == "resample" else 14)
    assert "resampled from patch size 128x128 to 96x64" in str(report)
    network.load_state_dict(weights)


@pytest.mark.slow
def test_ablations_leave_weights_unused(cipa, blank_network):
    network = blank_network((128, 128), use_crm=False)
    _, report = fit_weights(cipa, network, divided_by_255=True)
    require_partition(report, network)
    assert sum("cross_mamba" in key for key in report.unused) == 68
    assert "backbone.cross_mamba (68)" in str(report)


@pytest.mark.slow
def test_another_variant_is_refused(cipa):
    with torch.device("meta"):
        network = CIPA((128, 128), variant="small")
    with pytest.raises(InputError, match=r"variant tiny.*use -tr nnUNetTrainerCIPA\."):
        fit_weights(cipa, network, divided_by_255=True)


@pytest.mark.parametrize("divided_by_255", [True, False])
def test_a_trained_model_is_taken_as_it_is(trained, blank_network, divided_by_255):
    network = blank_network((64, 96), 2)
    weights, summary = fit_weights(trained, network, divided_by_255=divided_by_255)
    require_partition(summary, network)
    assert summary.adapted == {}
    assert set(summary.new) == {"channel_order", HEAD}
    assert summary.unused == ["channel_order", HEAD, "own.weight"]
    assert all(torch.equal(weights[name], trained.weights[name]) for name in summary.taken)
    network.load_state_dict(weights)


def test_a_trained_model_at_another_patch_size(trained, blank_network):
    network = blank_network((128, 32), 5)
    weights, summary = fit_weights(trained, network, divided_by_255=False)
    require_partition(summary, network)
    per_position = {name: value for name, value in trained.weights.items() if depends_on_grid(name)}
    assert set(summary.adapted) == set(per_position)
    expected = resample_crm(per_position, (64, 96), (128, 32))
    assert all(torch.equal(weights[name], value) for name, value in expected.items())
    network.load_state_dict(weights)


def test_a_trained_ablation_leaves_what_it_lacks_new(trained, blank_network):
    ablated = {name: value for name, value in trained.weights.items() if not name.startswith("crm.")}
    network = blank_network((128, 128))
    weights, summary = fit_weights(TrainedModel(ablated, "tiny", None, None, []), network, divided_by_255=False)
    require_partition(summary, network)
    initial = network.state_dict()
    assert all(torch.equal(weights[name], initial[name]) for name in weights if name.startswith("crm."))
    assert "crm.0 (" in str(summary)


@pytest.mark.slow
def test_nnunet_loads_all_but_the_head(cipa, tmp_path, blank_network):
    """nnU-Net's own loading, which wants every key in the right shape."""
    network = blank_network((96, 64), 3)
    weights, _ = fit_weights(cipa, network, divided_by_255=True)
    torch.save({"network_weights": weights}, tmp_path / "checkpoint.pth")
    trained = blank_network((96, 64), 5)
    head = trained.state_dict()[HEAD].clone()
    load_pretrained_weights(trained, tmp_path / "checkpoint.pth")
    for name, value in trained.state_dict().items():
        assert torch.equal(value, head if name == HEAD else weights[name]), name
