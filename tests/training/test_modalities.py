import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.training.modalities import channel_order


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("CT", "PET"), (0, 1)),
        (("PET", "CT"), (1, 0)),
        (("pet", "ct"), (1, 0)),
        (("SUV", "CT"), (1, 0)),
        (("CT", "noNorm"), (0, 1)),
        (("noNorm", "CT"), (1, 0)),
        (("PET_suv", "zscore"), (1, 0)),
        (("ct_res", "pt"), (0, 1)),
        (("rgb_to_0_1", "rgb_to_0_1"), (0, 1)),
        (("octopus", "carpet"), (0, 1)),
    ],
)
def test_order_from_channel_names(names, expected):
    assert channel_order({"channel_names": dict(zip("01", names, strict=True))}) == expected


def test_keys_are_numbers_not_positions():
    assert channel_order({"channel_names": {"1": "CT", "0": "PET"}}) == (1, 0)


def test_old_key_of_nnunet_v1():
    assert channel_order({"modality": {"0": "PET", "1": "CT"}}) == (1, 0)


def test_normalisation_names_leave_it_to_the_modalities():
    names = {"0": "rgb_to_0_1", "1": "rgb_to_0_1"}
    assert channel_order({"channel_names": names, "modalities": ["CT", "PET"]}) == (0, 1)
    assert channel_order({"channel_names": names, "modalities": ["PET", "CT"]}) == (1, 0)


@pytest.mark.parametrize("names", [{}, {"0": "CT"}, {"0": "CT", "1": "PET", "2": "MR"}, None, "CT"])
def test_other_numbers_of_channels_are_named(names):
    with pytest.raises(InputError, match="two channels, CT and PET"):
        channel_order({"channel_names": names})


@pytest.mark.parametrize("names", [{"0": "CT", "1": "CT"}, {"0": "PET", "1": "SUV"}])
def test_contradictions_are_named(names):
    with pytest.raises(InputError, match="one CT and one PET channel"):
        channel_order({"channel_names": names})
