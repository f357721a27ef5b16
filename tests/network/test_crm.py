"""Channel-wise rectification: what the weights do to the maps, and what they depend on."""

import math

import pytest
import torch

from nnunetv2_cipa.network.crm import CRM

HEIGHT, WIDTH, CHANNELS = 3, 5, 4


@pytest.fixture
def crm():
    torch.manual_seed(0)
    crm = CRM(HEIGHT * WIDTH)
    with torch.no_grad():  # so that weights differ by more than their rounding
        crm.weight.weight.mul_(5)
    return crm.eval()


@pytest.fixture
def maps():
    random = torch.Generator().manual_seed(1)
    return tuple(torch.randn(2, HEIGHT, WIDTH, CHANNELS, generator=random) for _ in range(2))


def test_a_channel_is_scaled_by_1_and_its_weight(crm, maps):
    """Where the last projection is its bias alone, log 3, every weight is the sigmoid of it: 3/4."""
    torch.nn.init.zeros_(crm.weight.weight)
    torch.nn.init.constant_(crm.weight.bias, math.log(3))
    for rectified, given in zip(crm(*maps), maps, strict=True):
        torch.testing.assert_close(rectified, 1.75 * given)


def test_the_first_weights_are_those_of_ct(crm, maps):
    ct, pet = maps
    with torch.no_grad():
        weights = crm.channel_weights(ct, pet)
        rectified_ct, rectified_pet = crm(ct, pet)
    assert weights.shape == (2, 1, 1, 2 * CHANNELS)
    assert ((weights > 0) & (weights < 1)).all()
    assert weights.std() > 0.01
    for channel in range(CHANNELS):
        of_ct, of_pet = weights[:, :, :, channel], weights[:, :, :, CHANNELS + channel]
        torch.testing.assert_close(rectified_ct[..., channel], (1 + of_ct) * ct[..., channel])
        torch.testing.assert_close(rectified_pet[..., channel], (1 + of_pet) * pet[..., channel])


def test_a_weight_depends_on_the_channels_before_it(crm, maps):
    """The scan goes one way: from CT's first channel to PET's last."""
    crm, ct, pet = crm.double(), *(x.double() for x in maps)
    changed = ct.clone()
    changed[..., 2] = torch.randn(2, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        before, after = crm.channel_weights(ct, pet)[0, 0, 0], crm.channel_weights(changed, pet)[0, 0, 0]
    differences = (after - before).abs()
    assert differences[:2].max() < 1e-14
    assert differences[2:].min() > 1e-10


def test_weights_do_not_depend_on_how_bright_a_channel_is(crm, maps):
    """Each channel's map is normalised, but for an epsilon."""
    ct, pet = maps
    factors, offsets = torch.tensor([1.0, 2.0, 5.0, 10.0]), torch.tensor([0.0, -3.0, 7.0, 1.0])
    with torch.no_grad():
        torch.testing.assert_close(
            crm.channel_weights(factors * ct + offsets, pet), crm.channel_weights(ct, pet), rtol=0, atol=1e-3
        )


def test_a_map_of_another_size_is_refused(crm):
    other = torch.zeros(1, HEIGHT, WIDTH + 1, CHANNELS)
    with pytest.raises(RuntimeError):
        crm(other, other)


def test_number_of_weights():
    """By hand, for 64 positions: norms 128 and 192, embedding 6,240, scan of 96 channels 67,584, last projection 97."""
    scan = 96 * 384 + 192 * (6 + 32) + 192 * 6 + 192 + 192 * 16 + 192 + 384 + 192 * 96
    assert scan == 67_584
    assert sum(parameter.numel() for parameter in CRM(64).parameters()) == 128 + 192 + 6_240 + scan + 97
