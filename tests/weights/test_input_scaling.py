"""Folding an input scaling into the first convolution changes no output, and can be undone."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from nnunetv2_cipa.weights.input_scaling import IMAGENET, PUBLISHED, UNSCALED, fold, unfold


@pytest.mark.parametrize("scaling", [UNSCALED, PUBLISHED, IMAGENET], ids=lambda scaling: scaling.name)
def test_folded_convolution_of_grey_equals_convolution_of_scaled_rgb(scaling):
    torch.manual_seed(0)
    weight, bias, grey = torch.randn(8, 3, 4, 4), torch.randn(8), torch.rand(2, 1, 16, 16)
    gain, offset = (torch.tensor(values).view(1, 3, 1, 1) for values in (scaling.gain, scaling.offset))
    expected = F.conv2d(grey * gain + offset, weight, bias, stride=4)
    torch.testing.assert_close(F.conv2d(grey, *fold(weight, bias, scaling), stride=4), expected, rtol=0, atol=2e-5)


def test_imagenet_scaling_is_what_torchvision_documents():
    colours = torch.full((3,), 0.5)
    scaled = colours * torch.tensor(IMAGENET.gain) + torch.tensor(IMAGENET.offset)
    torch.testing.assert_close(scaled, torch.tensor([0.015 / 0.229, 0.044 / 0.224, 0.094 / 0.225]))


@settings(max_examples=50)
@given(st.lists(st.floats(-4, 4, width=32), min_size=16, max_size=16), st.floats(-4, 4, width=32))
@pytest.mark.parametrize("scaling", [UNSCALED, PUBLISHED], ids=lambda scaling: scaling.name)
def test_unfolding_is_undone_exactly_but_for_the_rounding_of_the_bias(scaling, values, value):
    weight, bias = torch.tensor(values).view(1, 1, 4, 4), torch.tensor([value])
    rgb_weight, rgb_bias = unfold(weight, bias, scaling)
    assert rgb_weight.shape == (1, 3, 4, 4)
    again_weight, again_bias = fold(rgb_weight, rgb_bias, scaling)
    torch.testing.assert_close(again_weight, weight, rtol=1e-7, atol=1e-44)
    largest = max(abs(value), rgb_bias.abs().item())
    assert abs(again_bias - bias).item() <= 2**-23 * largest


def test_unfolding_normal_numbers_is_undone_to_the_bit():
    torch.manual_seed(0)
    weight, bias = torch.randn(96, 1, 4, 4), torch.randn(96)
    for scaling in (UNSCALED, PUBLISHED):
        assert torch.equal(fold(*unfold(weight, bias, scaling), scaling)[0], weight)
