"""CIPA as a module: any patch size, bad arguments, ablations, autocast, compilation, no unused parameter."""

import pytest
import torch

from nnunetv2_cipa.network import CIPA, VARIANTS, Variant, stage_sizes
from nnunetv2_cipa.network.recomputed import set_recompute


def parameter_count(**options) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in CIPA((512, 512), num_classes=1, **options).parameters())


@pytest.mark.parametrize("patch_size", [(32, 32), (56, 48), (28, 24), (60, 36), (33, 50), (4, 8)])
def test_any_patch_size(patch_size):
    """56x48 has the stages of 224x192 divided by 4: 14x12, 7x6, 4x3, 2x2, odd and not divisible by 4."""
    network = CIPA(patch_size, num_classes=3).eval()
    with torch.no_grad():
        assert network(torch.randn(1, 2, *patch_size)).shape == (1, 3, *patch_size)


def test_an_image_does_not_depend_on_its_batch():
    network = CIPA((64, 32)).eval()
    images = torch.randn(3, 2, 64, 32)
    with torch.no_grad():
        alone = torch.cat([network(image[None]) for image in images])
        torch.testing.assert_close(network(images), alone, rtol=1e-4, atol=1e-5)


def test_transposed_images_keep_height_and_width_apart():
    """A network of one patch size must not see a 32x64 image as a 64x32 one."""
    network = CIPA((64, 32)).eval()
    with pytest.raises(ValueError, match="64, 32"):
        network(torch.randn(1, 2, 32, 64))


@pytest.mark.parametrize("shape", [(1, 1, 32, 32), (1, 3, 32, 32), (1, 2, 64, 32), (2, 32, 32)])
def test_wrong_input_is_named(shape):
    with pytest.raises(ValueError, match=r"\(B, 2, 32, 32\), a CT and a PET channel; found"):
        CIPA((32, 32))(torch.zeros(shape))


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (((32, 32, 32),), {}, "two sides"),
        (((2, 32),), {}, "at least 4 pixels"),
        (((32, 32), 0), {}, "num_classes"),
        (((32, 32),), {"variant": "huge"}, "choose one of tiny, small, base"),
    ],
)
def test_wrong_arguments_are_named(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        CIPA(*arguments, **options)


def test_channel_order_is_part_of_the_weights():
    images = torch.randn(1, 2, 32, 32)
    network, reversed_network = CIPA((32, 32)).eval(), CIPA((32, 32)).eval()
    state = {**network.state_dict(), "channel_order": torch.tensor([1, 0])}
    reversed_network.load_state_dict(state)
    with torch.no_grad():
        torch.testing.assert_close(reversed_network(images.flip(1)), network(images))


def test_published_sizes_of_the_ablations():
    """Millions of parameters in the paper's ablation, at 512x512 with three input channels per modality."""
    assert parameter_count() / 1e6 == pytest.approx(54.57, abs=0.01)
    assert parameter_count(use_dcim=False) / 1e6 == pytest.approx(36.32, abs=0.01)
    assert parameter_count(use_crm=False) / 1e6 == pytest.approx(52.17, abs=0.01)
    assert parameter_count(use_crm=False, use_dcim=False) / 1e6 == pytest.approx(33.92, abs=0.01)


def test_variants_grow():
    assert parameter_count() < parameter_count(variant="small") < parameter_count(variant="base")


@pytest.mark.parametrize(
    "options", [{}, {"use_crm": False}, {"use_dcim": False}, {"use_crm": False, "use_dcim": False}]
)
def test_every_parameter_gets_a_gradient(options):
    """DistributedDataParallel fails on parameters without one."""
    network = CIPA((64, 64), **options)
    network(torch.randn(2, 2, 64, 64)).square().mean().backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_values_that_are_not_finite_give_no_mask(value):
    x = torch.zeros(1, 2, 32, 32)
    x[0, 1, 5, 7] = value
    with pytest.raises(ValueError, match="NaN or infinite"):
        CIPA((32, 32)).eval()(x)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.slow
def test_finite_under_autocast(dtype):
    network = CIPA((64, 64))
    with torch.autocast("cpu", dtype=dtype):
        logits = network(torch.randn(2, 2, 64, 64))
    loss = torch.nn.functional.cross_entropy(logits.float(), torch.ones(2, 64, 64).long())
    loss.backward()
    assert loss.isfinite()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.slow
def test_compiles_without_a_graph_break(monkeypatch, recompute):
    """A shallow variant has every layer, and compiles in a fraction of the time."""
    monkeypatch.setitem(VARIANTS, "shallow", Variant(depths=(1, 1, 1, 1), channels=32, drop_path_rate=0.1))
    network = CIPA((64, 64), variant="shallow").train()
    set_recompute(network, recompute)
    backend = "aot_eager" if recompute else "eager"
    torch.compile(network, fullgraph=True, backend=backend)(torch.randn(2, 2, 64, 64)).square().mean().backward()
    assert network.encoder.patch_embedding.projection.weight.grad.isfinite().all()


@pytest.mark.parametrize(
    ("patch_size", "sizes"),
    [
        ((128, 128), [(32, 32), (16, 16), (8, 8), (4, 4)]),
        ((224, 192), [(56, 48), (28, 24), (14, 12), (7, 6)]),
        ((62, 100), [(15, 25), (8, 13), (4, 7), (2, 4)]),
    ],
)
def test_stage_sizes(patch_size, sizes):
    assert stage_sizes(patch_size) == sizes
    with torch.device("meta"):
        crm = CIPA(patch_size).crm
    assert [height * width for height, width in sizes] == [stage.token_norm.weight.numel() for stage in crm]
