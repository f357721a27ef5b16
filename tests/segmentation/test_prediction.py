"""A case to labels by a network that finds PET above a threshold: grids, channels, effort, time limits."""

from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import torch

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.petct.volumes import OnOneGrid
from nnunetv2_cipa.segmentation import prediction
from nnunetv2_cipa.segmentation.effort import Effort
from nnunetv2_cipa.segmentation.model import load_model
from nnunetv2_cipa.segmentation.prediction import predict

SHAPE = (3, 70, 60)


def image_of(values, direction=(1, 0, 0, 0, 1, 0, 0, 0, 1), spacing=(6.25, 6.25, 5.0)):
    image = sitk.GetImageFromArray(np.asarray(values, dtype=np.float32))
    image.SetSpacing(spacing)
    image.SetOrigin((7.0, -8.0, 9.0))
    image.SetDirection(direction)
    return image


@pytest.fixture
def suv():
    """A lesion of 10 in one of 3, next to an edge and over all slices but the first."""
    values = np.ones(SHAPE)
    values[1:, 2:22, 30:58] = 3
    values[1:, 5:12, 40:55] = 10
    return values


@pytest.fixture
def case(suv):
    """On the grid that the model is trained on, so that nothing is resampled."""
    return OnOneGrid(image_of(np.full(SHAPE, 40.0)), image_of(suv), None, [])


@pytest.fixture
def load(model_folder):
    """A function that loads a model with these options."""
    return lambda **options: load_model(model_folder(**options), None, "checkpoint_final.pth", torch.device("cpu"))


def test_labels_are_what_the_network_says_on_the_grid_of_the_case(load, case, suv):
    found = predict(load(), case)
    assert np.array_equal(sitk.GetArrayFromImage(found.label), suv > 4)
    assert found.label.GetPixelID() == sitk.sitkUInt8
    for same in ("GetSize", "GetSpacing", "GetOrigin", "GetDirection"):
        assert getattr(found.label, same)() == getattr(case.ct, same)()
    assert (found.effort, found.expected) == (Effort(1, True, 0.5), None)


def test_channels_are_in_the_models_order(load, case, suv):
    found = predict(load(names=("PET", "CT"), pet_channel=0), case)
    assert np.array_equal(sitk.GetArrayFromImage(found.label), suv > 4)
    everywhere = predict(load(names=("CT", "PET"), pet_channel=0), case)  # a network that looks at the CT, 40
    assert sitk.GetArrayFromImage(everywhere.label).all()


@pytest.mark.parametrize("reader", ["SimpleITKIO", "NibabelIO", "NibabelIOWithReorient"])
def test_readers_that_turn_axes_turn_them_back(load, suv, reader):
    direction = (-1, 0, 0, 0, 1, 0, 0, 0, -1)
    case = OnOneGrid(image_of(np.full(SHAPE, 40.0), direction), image_of(suv, direction), None, [])
    found = predict(load(reader=reader), case).label
    assert np.array_equal(sitk.GetArrayFromImage(found), suv > 4)
    assert found.GetDirection() == direction


def test_another_spacing_is_resampled_there_and_back(load, suv):
    """At 2.5 mm a lesion of 15 by 7 pixels is one of 6 by 3 where the network sees it."""
    spacing = (2.5, 2.5, 5.0)
    case = OnOneGrid(image_of(np.full(SHAPE, 40.0), spacing=spacing), image_of(suv, spacing=spacing), None, [])
    found = sitk.GetArrayFromImage(predict(load(), case).label) > 0
    assert found.shape == SHAPE
    assert not found[0].any()
    both = np.count_nonzero(found & (suv > 4))
    assert 2 * both / (np.count_nonzero(found) + np.count_nonzero(suv > 4)) > 0.8


def test_folds_are_averaged(load, suv, case):
    """Thresholds of 2 and 6 are in the mean one of 4, and alone each their own."""
    model = load(thresholds=(2.0, 6.0))
    assert np.array_equal(sitk.GetArrayFromImage(predict(model, case).label), suv > 4)
    assert len(model.predictor.list_of_parameters) == 2


class TestTimeLimit:
    @pytest.fixture
    def model(self, load, monkeypatch):
        """Of two folds, with a network that takes a second for a patch, as it is told."""
        monkeypatch.setattr(prediction, "seconds_a_pass", lambda *arguments: 1.0)
        return load(thresholds=(2.0, 6.0))

    def test_all_is_computed_where_there_is_time(self, model, case):
        """Of 3 slices of 70 by 60, patches of 48: 2 by 2 of each, in 4 mirrorings and 2 folds, 96 passes."""
        found = predict(model, case, seconds_left=10_000)
        assert found.effort == Effort(2, True, 0.5)
        assert found.expected == 96

    def test_less_where_there_is_less(self, model, case, suv):
        """Of what fits into 85 % of the time one fold with mirroring, 48 passes, is the most."""
        found = predict(model, case, seconds_left=100)
        assert (found.effort.folds, found.effort.mirrored) == (1, True)
        assert found.expected == 48
        assert np.array_equal(sitk.GetArrayFromImage(found.label), suv > 2), "the first fold's alone"
        assert len(model.predictor.list_of_parameters) == 2, "the predictor is left as it was"

    def test_too_little_is_refused(self, model, case):
        """12 passes of one fold without mirroring."""
        with pytest.raises(InputError, match=r"--time-limit: .* needs 14 s at least"):
            predict(model, case, seconds_left=12)

    def test_without_mirroring_in_training_there_is_none(self, load, case, monkeypatch):
        monkeypatch.setattr(prediction, "seconds_a_pass", lambda *arguments: 1.0)
        found = predict(load(mirroring=None), case, seconds_left=10_000)
        assert (found.effort, found.expected) == (Effort(1, False, 0.5), 12)


def test_the_predictor_is_left_as_it_was_where_the_network_fails(load, case, monkeypatch):
    model = load(thresholds=(2.0, 6.0))
    before = list(model.predictor.list_of_parameters)

    def fails(data):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(model.predictor, "predict_logits_from_preprocessed_data", fails)
    with pytest.raises(RuntimeError, match="out of memory"):
        prediction._logits(model.predictor, torch.zeros(2, *SHAPE), Effort(1, False, 1.0))
    assert model.predictor.list_of_parameters == before


@pytest.mark.parametrize(
    ("patch", "size", "step", "tiles"),
    [
        ((48, 48), (1, 48, 48), 0.5, 1),
        ((48, 48), (5, 48, 48), 0.5, 5),
        ((48, 48), (1, 20, 30), 0.5, 1),
        ((48, 48), (1, 49, 48), 1.0, 2),
        ((48, 48), (2, 100, 48), 0.5, 2 * 4),  # 52 pixels to go in steps of 24
        ((48, 48), (2, 100, 48), 0.75, 2 * 3),  # of 36
        ((48, 48), (2, 100, 100), 1.0, 2 * 3 * 3),  # of 48
        ((16, 48, 48), (32, 48, 48), 0.5, 3),
        ((16, 48, 48), (8, 96, 96), 1.0, 4),
    ],
)
def test_patches_of_the_sliding_window(patch, size, step, tiles):
    predictor = SimpleNamespace(configuration_manager=SimpleNamespace(patch_size=list(patch)))
    assert prediction._tiles(predictor, torch.empty(2, *size, device="meta"), step) == tiles
