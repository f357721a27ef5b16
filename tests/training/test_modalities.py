import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.training.modalities import ModalityWarning, channel_order, modality_channels


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
        (("PETres", "CTres"), (1, 0)),
        (("SUVbw", "CTres"), (1, 0)),
        (("FDGPET", "CTAC"), (1, 0)),
        (("zscore", "LDCT"), (1, 0)),
        (("18F-FDG", "noNorm"), (1, 0)),
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


@pytest.mark.parametrize("names", [{"0": "PET", "1": "SUV"}, {"0": "SUVbw", "1": "petres"}])
def test_contradictions_are_named(names):
    with pytest.raises(InputError, match="one CT and one PET channel"):
        channel_order({"channel_names": names})


def test_modalities_by_channel_are_as_good_as_a_list():
    names = {"0": "CT", "1": "CT"}
    assert channel_order({"channel_names": names, "modalities": {"1": "CT", "0": "PET"}}) == (1, 0)
    with pytest.raises(InputError, match="modalities must be a list"):
        channel_order({"channel_names": names, "modalities": "CT, PET"})


@pytest.mark.parametrize("modalities", [["CT"], ["PET", "PET"], ["CT", "CT"], ["CT", "PET", "MR"], []])
def test_lists_that_do_not_fit_are_named(modalities):
    with pytest.raises(InputError, match=r"one CT and one PET channel; dataset\.json has modalities"):
        channel_order({"channel_names": {"0": "CT", "1": "PET"}, "modalities": modalities})


def test_names_and_list_that_contradict_each_other_are_refused():
    with pytest.raises(InputError, match=r"dataset\.json contradicts itself"):
        channel_order({"channel_names": {"0": "CT", "1": "PET"}, "modalities": ["PET", "CT"]})


def test_two_channels_named_ct_are_taken_in_that_order_and_doubted():
    with pytest.warns(ModalityWarning, match=r"channel 0 is taken for CT.*modalities"):
        assert channel_order({"channel_names": {"0": "CT", "1": "CT"}}) == (0, 1)


@pytest.mark.parametrize(("modalities", "order"), [(["CT", "PET"], (0, 1)), (["PET", "CT"], (1, 0))])
def test_two_channels_named_ct_are_told_apart_by_the_list(modalities, order):
    channels = modality_channels({"channel_names": {"0": "CT", "1": "ct"}, "modalities": modalities})
    assert (channels.order, channels.doubts) == (order, ())


HU, SOFT_TISSUE, SUV = {"min": -870.0, "max": 1200.0}, {"min": -160.0, "max": 220.0}, {"min": 0.1, "max": 31.0}
BECQUEREL, BYTES = {"min": -620.0, "max": 90000.0}, {"min": 0.0, "max": 255.0}


@pytest.mark.parametrize(
    ("names", "intensities", "doubted"),
    [
        (("CT", "PET"), (HU, SUV), False),
        (("CT", "PET"), (SUV, HU), True),
        (("PET", "CT"), (HU, SUV), True),
        (("PET", "CT"), (SUV, HU), False),
        (("a", "b"), (SUV, HU), True),
        (("a", "b"), (HU, SUV), False),
        (("CT", "PET"), (SUV, SOFT_TISSUE), True),
        (("CT", "PET"), (HU, SOFT_TISSUE), False),
        (("CT", "PET"), (HU, HU), True),
        (("CT", "PET"), (HU, BECQUEREL), False),
        (("CT", "PET"), (BYTES, BYTES), False),
        (("CT", "PET"), ({}, {}), False),
    ],
)
def test_intensities_that_contradict_the_order_are_doubted(names, intensities, doubted):
    dataset_json = {"channel_names": dict(zip("01", names, strict=True))}
    channels = modality_channels(dataset_json, dict(zip("01", intensities, strict=True)))
    assert channels.order == channel_order(dataset_json)
    assert [("as only CT in HU has" in doubt) for doubt in channels.doubts] == [True] * doubted
