"""CRM's weights on another grid: sizes, sums, and which patch size a number of positions means."""

import pytest
import torch

from nnunetv2_cipa.network import CIPA, stage_sizes
from nnunetv2_cipa.network.crm import CRM
from nnunetv2_cipa.weights.token_grid import depends_on_grid, resample_crm, square_patch_size


def test_names_that_depend_on_the_grid_are_those_whose_shape_does():
    with torch.device("meta"):
        small, large = (CIPA((side, side)).state_dict() for side in (128, 160))
    assert {name for name in small if small[name].shape != large[name].shape} == set(filter(depends_on_grid, small))


@pytest.mark.parametrize(("positions", "side"), [(1024, 128), (16384, 512), (1000, None), (0, None)])
def test_square_patch_size(positions, side):
    assert square_patch_size(positions) == side


def _smooth(height: int, width: int) -> torch.Tensor:
    """A field over the unit square, at the centres of its pixels."""
    y, x = ((torch.arange(size) + 0.5) / size for size in (height, width))
    return torch.sin(3 * y)[:, None] + torch.cos(4 * x)[None]


@pytest.mark.parametrize("target", [(256, 256), (192, 160), (96, 128)])
def test_the_same_maps_sampled_otherwise_get_the_same_weights(target):
    """Smooth maps and weights: CRM, resampled, must decide as before."""
    torch.manual_seed(0)
    old, new = stage_sizes((128, 128))[0], stage_sizes(target)[0]
    before, after = CRM(old[0] * old[1]).eval(), CRM(new[0] * new[1]).eval()
    with torch.no_grad():
        before.embedding.weight.copy_(_smooth(*old).flatten() * torch.linspace(-2, 2, 96)[:, None] / 300)
        before.token_norm.weight.copy_(1 + 0.3 * _smooth(*old).flatten())
    weights = {f"crm.0.{name}": value for name, value in before.state_dict().items()}
    resampled = resample_crm({name: weights[name] for name in filter(depends_on_grid, weights)}, (128, 128), target)
    after.load_state_dict({name.removeprefix("crm.0."): value for name, value in (weights | resampled).items()})

    def maps(size):
        channels = torch.linspace(0.5, 2, 8)
        return (_smooth(*size)[..., None] * channels + torch.sin(channels * _smooth(*size)[..., None]))[None]

    with torch.no_grad():
        expected = before.channel_weights(maps(old), -maps(old))
        torch.testing.assert_close(after.channel_weights(maps(new), -maps(new)), expected, rtol=0, atol=2e-3)
    assert expected.std() > 0.01


def test_the_same_grid_changes_nothing():
    weights = {"crm.1.embedding.weight": torch.randn(96, 256), "crm.1.token_norm.bias": torch.randn(256)}
    resampled = resample_crm(weights, (128, 128), (128, 128))
    for name, value in weights.items():
        torch.testing.assert_close(resampled[name], value)
