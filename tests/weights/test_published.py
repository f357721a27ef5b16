"""Published to ours and back, and ours to published and back."""

import pytest
import torch

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.network import CIPA
from nnunetv2_cipa.weights import from_published, to_published
from nnunetv2_cipa.weights.input_scaling import PUBLISHED, UNSCALED
from nnunetv2_cipa.weights.published import CHANNEL_ORDER, HEAD, PATCH_EMBEDDING, PATCH_EMBEDDING_BIAS

FIRST = "backbone.vssm.patch_embed.0.weight"
FIRST_BIAS = "backbone.vssm.patch_embed.0.bias"


def test_published_to_ours_and_back(golden_weights):
    """All is equal to the bit but the first convolution, of which the sum over RGB is."""
    again = to_published(from_published(golden_weights))
    assert again.keys() == golden_weights.keys()
    for key, value in golden_weights.items():
        assert again[key].shape == value.shape
        if key == FIRST:
            torch.testing.assert_close(again[key].double().sum(1), value.double().sum(1), rtol=0, atol=1e-7)
        else:
            assert torch.equal(again[key], value), key


def test_published_scaling_and_back(golden_weights):
    again = to_published(from_published(golden_weights, scaling=PUBLISHED), scaling=PUBLISHED)
    torch.testing.assert_close(again[FIRST].double().sum(1), golden_weights[FIRST].double().sum(1), rtol=0, atol=1e-7)
    torch.testing.assert_close(again[FIRST_BIAS], golden_weights[FIRST_BIAS], rtol=0, atol=1e-6)


@pytest.mark.parametrize("scaling", [UNSCALED, PUBLISHED], ids=lambda scaling: scaling.name)
def test_ours_to_published_and_back(scaling):
    """All is equal to the bit but the head, of which the difference is, and the rounding of the scaled bias."""
    torch.manual_seed(0)
    ours = CIPA((128, 128)).state_dict()
    ours[CHANNEL_ORDER] = torch.tensor([1, 0])
    again = from_published(to_published(ours, scaling), scaling=scaling)
    assert again.keys() == ours.keys()
    free = {CHANNEL_ORDER, HEAD, PATCH_EMBEDDING_BIAS}
    assert [name for name in ours if name not in free and not torch.equal(again[name], ours[name])] == []
    assert torch.equal(again[HEAD][1] - again[HEAD][0], ours[HEAD][1] - ours[HEAD][0])
    torch.testing.assert_close(again[PATCH_EMBEDDING_BIAS], ours[PATCH_EMBEDDING_BIAS], rtol=0, atol=2e-7)
    assert again[PATCH_EMBEDDING].shape == (96, 1, 4, 4)


def test_heads_that_do_not_fit(golden_weights):
    with pytest.raises(InputError, match="cannot become 3"):
        from_published(golden_weights, num_classes=3)
    ours = from_published(golden_weights)
    with pytest.raises(InputError, match="a head of 3 cannot become it"):
        to_published(ours | {HEAD: torch.zeros(3, 96, 1, 1)})


def test_unknown_names_are_refused():
    with pytest.raises(InputError, match=r"1 of its 1 keys are unknown, 'head\.weight'"):
        from_published({"head.weight": torch.zeros(3)})
