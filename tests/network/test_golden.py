"""The network equals the published one: inner activations, logits, loss and gradients on golden weights."""

import numpy as np
import pytest
import torch
from torch import Tensor

from nnunetv2_cipa.network import CIPA, products
from nnunetv2_cipa.weights import from_published
from nnunetv2_cipa.weights.layout import our_key

SIZE = 128
ACTIVATION_TOLERANCE = 1e-4
GRADIENT_TOLERANCE = 1e-3
PATCH_EMBEDDING = "encoder.patch_embedding.projection.weight"


@pytest.fixture(scope="module")
def images(rule) -> Tensor:
    return torch.from_numpy(rule.images(2, SIZE)).float() / 255 * 3.2 - 1.6


@pytest.fixture
def make_network(published_state_dict):
    def make(num_classes: int) -> CIPA:
        network = CIPA((SIZE, SIZE), num_classes).eval()
        network.load_state_dict(from_published(published_state_dict(SIZE), num_classes))
        return network

    return make


@pytest.fixture(scope="module")
def gradients(rule, published_state_dict, images) -> dict[str, Tensor]:
    """Gradients by our names, in float64: some norms are sums of a million terms that nearly cancel."""
    network = CIPA((SIZE, SIZE), num_classes=1).eval()
    network.load_state_dict(from_published(published_state_dict(SIZE), num_classes=1))
    logits = network.double()(images.double())
    weights = torch.from_numpy(rule.loss_weights(tuple(logits.shape)))
    (torch.sigmoid(logits) * weights).mean().backward()
    return {name: parameter.grad for name, parameter in network.named_parameters()}


def _record(network: CIPA, activations: dict[str, Tensor]) -> None:
    """Hook every activation that the fixture keeps; the encoder's batch is CT first, PET (`@2`) second."""

    def keep(module, name, transform=lambda output: output):
        module.register_forward_hook(lambda _m, _i, output: activations.update({name: transform(output).detach()}))

    def keep_both(module, name, second_name, transform=lambda output: output):
        def hook(_module, _inputs, output):
            ct, pet = transform(output).detach().chunk(2)
            activations.update({name: ct, second_name: pet})

        module.register_forward_hook(hook)

    def channels_first(x):
        return x.permute(0, 3, 1, 2)

    keep_both(network.encoder.patch_embedding, "vssm.patch_embed", "vssm.patch_embed@2")
    for stage in range(4):
        block = f"vssm.layers.{stage}.blocks.0"
        keep_both(network.encoder.stages[stage][0], block, f"{block}@2")
        keep_both(network.encoder.output_norms[stage], f"vssm.{stage}", f"vssm@2.{stage}", channels_first)
        keep(network.crm[stage], f"crm.{stage}.0", lambda output: channels_first(output[0]))
        network.crm[stage].register_forward_hook(
            lambda _m, _i, output, stage=stage: activations.update(
                {f"crm.{stage}.1": channels_first(output[1]).detach()}
            )
        )
        network.crm[stage].weight.register_forward_hook(
            lambda _m, _i, output, stage=stage: activations.update(
                {f"crm.{stage}.weights": _modalities_first(torch.sigmoid(output.detach()))}
            )
        )
        keep(network.dcim[stage].local_convolutions, f"dcim.{stage}.tokens.0", _regions)
        keep(
            network.dcim[stage].region_convolutions,
            f"dcim.{stage}.tokens.1",
            lambda output: output.permute(0, 2, 3, 1).flatten(1, 2),
        )
        keep(network.dcim[stage], f"dcim.{stage}.out")
    network.decoder.register_forward_pre_hook(
        lambda _m, inputs: activations.update(
            {f"fused.{stage}": channels_first(fused).detach() for stage, fused in enumerate(inputs[0])}
        )
    )
    keep(network.decoder.expand, "decoder.layers_up.0")
    keep(network.decoder.levels[0][0], "decoder.layers_up.1.blocks.0")
    keep(network.decoder.upsamples[0], "decoder.layers_up.1")
    keep(network.decoder.upsamples[1], "decoder.layers_up.2")
    keep(network.decoder.levels[2], "decoder.layers_up.3")
    keep(network.decoder, "decoder")


def _modalities_first(weights: Tensor) -> Tensor:
    """(B, 2C, 1) to the published (2, B, C, 1, 1)."""
    return weights.unflatten(1, (2, -1)).transpose(0, 1).unsqueeze(-1)


def _regions(x: Tensor) -> Tensor:
    """(B, C, H, W) to 4x4 regions (B * regions, 16, C)."""
    batch, channels, height, width = x.shape
    x = x.reshape(batch, channels, height // 4, 4, width // 4, 4)
    return x.permute(0, 2, 4, 3, 5, 1).reshape(-1, 16, channels)


def test_every_activation_and_the_loss_agree(make_network, images, golden, rule):
    network = make_network(num_classes=1)
    activations: dict[str, Tensor] = {}
    _record(network, activations)
    with torch.no_grad():
        logits = activations["logits"] = network(images)
    names = {key.partition("|")[0] for key in golden if key.endswith("|sample") and not key.startswith("grad:")}
    assert len(names) > 50
    for name in sorted(names):
        found = activations[name].numpy()
        assert list(found.shape) == list(golden[f"{name}|shape"]), name
        sample = rule.sample(found.reshape(-1), 256)
        np.testing.assert_allclose(sample, golden[f"{name}|sample"], rtol=0, atol=ACTIVATION_TOLERANCE, err_msg=name)
        statistics = found.mean(dtype=np.float64), found.std(dtype=np.float64, ddof=1)
        np.testing.assert_allclose(statistics, golden[f"{name}|stats"], rtol=0, atol=ACTIVATION_TOLERANCE, err_msg=name)
    np.testing.assert_allclose(logits, golden["logits"], rtol=0, atol=ACTIVATION_TOLERANCE)
    loss = (torch.sigmoid(logits) * torch.from_numpy(rule.loss_weights(tuple(logits.shape)))).mean()
    assert loss.item() == pytest.approx(float(golden["loss"]), rel=1e-4)


@pytest.mark.slow
def test_every_gradient_norm_agrees(gradients, golden, published_state_dict):
    """The first convolution's published gradient is ours three times over, once for each repeated channel."""
    seen = set()
    for key in published_state_dict(SIZE):
        if f"grad:{key}|norm" not in golden:
            continue
        name = our_key(key)
        repeats = 3 if name == PATCH_EMBEDDING else 1
        norm = gradients[name].norm().item() * repeats**0.5
        assert norm == pytest.approx(float(golden[f"grad:{key}|norm"]), rel=GRADIENT_TOLERANCE, abs=1e-9), key
        seen.add(name)
    assert seen == set(gradients)


@pytest.mark.slow
def test_gradient_samples_agree(gradients, golden, rule):
    keys = [key[len("grad:") : -len("|sample")] for key in golden if key.startswith("grad:") and "|sample" in key]
    assert len(keys) > 5
    for key in keys:
        gradient = gradients[our_key(key)]
        if our_key(key) == PATCH_EMBEDDING:
            gradient = gradient.expand(-1, 3, -1, -1)
        expected = golden[f"grad:{key}|sample"]
        tolerance = GRADIENT_TOLERANCE * np.abs(expected).max()
        found = rule.sample(gradient.reshape(-1).numpy(), 64)
        np.testing.assert_allclose(found, expected, rtol=GRADIENT_TOLERANCE, atol=tolerance, err_msg=key)


def test_two_classes_are_the_published_one_against_zero(make_network, images, golden):
    network = make_network(num_classes=2)
    with torch.no_grad():
        probabilities = network(images).softmax(dim=1)[:, 1:]
    expected = torch.sigmoid(torch.from_numpy(golden["logits"]))
    torch.testing.assert_close(probabilities, expected, rtol=0, atol=1e-4)


def test_published_parameter_count():
    """54,572,198 at 512x512 with the repeated input: ours has two thirds of the first convolution's weight less."""
    with torch.device("meta"):
        network = CIPA((512, 512), num_classes=1)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    assert parameters + 2 * 96 * 16 == 54_572_198


def test_bfloat16_products_by_request_change_logits_a_little(make_network, images, monkeypatch):
    if not (torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()):
        pytest.skip("this processor has no bfloat16 products")
    network = make_network(1)
    with torch.no_grad():
        exact = network(images)
        monkeypatch.setenv(products.PRECISION_VARIABLE, "bf16")
        rounded = network(images)
    deviation = (rounded - exact).abs().max() / exact.abs().max()
    assert 0 < deviation < 0.03
