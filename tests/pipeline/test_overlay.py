import numpy as np
from PIL import Image

from nnunetv2_cipa.pipeline.overlay import PREDICTION_COLOUR, REFERENCE_COLOUR, draw_overlay


def save(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def has_colour(image, colour):
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    return (np.abs(image.astype(int) - rgb).max(axis=-1) < 40).any()


def draw(tmp_path, prediction):
    square = np.zeros((32, 24), np.uint8)
    square[8:20, 6:15] = 1
    for channel in ("0000", "0001"):
        save(tmp_path / "data" / "imagesTs" / f"a_1_{channel}.png", np.full((32, 24), 90, np.uint8))
    save(tmp_path / "data" / "labelsTs" / "a_1.png", square)
    save(tmp_path / "model" / "a_1.png", prediction)
    draw_overlay(tmp_path / "picture.png", tmp_path / "data", {"model": tmp_path / "model"}, ["a_1"])
    return np.asarray(Image.open(tmp_path / "picture.png").convert("RGB"))


def test_reference_and_prediction_are_outlined(tmp_path):
    prediction = np.zeros((32, 24), np.uint8)
    prediction[2:7, 3:9] = 1
    picture = draw(tmp_path, prediction)
    assert has_colour(picture, REFERENCE_COLOUR)
    assert has_colour(picture, PREDICTION_COLOUR)


def test_an_empty_prediction_has_no_outline(tmp_path):
    picture = draw(tmp_path, np.zeros((32, 24), np.uint8))
    assert has_colour(picture, REFERENCE_COLOUR)
    assert not has_colour(picture, PREDICTION_COLOUR)
