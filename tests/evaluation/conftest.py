"""Masks for hypothesis, label files, and cases of known counts."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from nnunetv2_cipa.evaluation.label_folders import Pair
from nnunetv2_cipa.evaluation.label_images import MaskPair
from nnunetv2_cipa.evaluation.parallel_evaluation import measure_case


def two_masks(min_dims=2, max_dims=3):
    """Strategy for a reference and a prediction of one shape: noise, blocks, nothing, everything."""

    @st.composite
    def draw_two(draw):
        shape = draw(array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=1, max_side=8))
        return draw(_mask(shape)), draw(_mask(shape))

    return draw_two()


def _mask(shape):
    return st.one_of(
        arrays(bool, shape), _block(shape), st.just(np.zeros(shape, dtype=bool)), st.just(np.ones(shape, dtype=bool))
    )


@st.composite
def _block(draw, shape):
    mask = np.zeros(shape, dtype=bool)
    sides = [sorted(draw(st.tuples(*2 * [st.integers(0, length - 1)]))) for length in shape]
    mask[tuple(slice(first, last + 1) for first, last in sides)] = True
    return mask


@pytest.fixture(scope="session")
def masks():
    return two_masks


@pytest.fixture
def write():
    """A function that writes label values to a file, with a spacing (x last, as in arrays) to one that holds it."""

    def write_file(file: Path, values, spacing=None, origin=None):
        file.parent.mkdir(parents=True, exist_ok=True)
        values = np.asarray(values, dtype=np.uint8)
        if file.suffix == ".png":
            Image.fromarray(values).save(file)
            return
        image = sitk.GetImageFromArray(values)
        image.SetSpacing((spacing or (1.0,) * values.ndim)[::-1])
        image.SetOrigin(origin or (0.0,) * values.ndim)
        sitk.WriteImage(image, str(file))

    return write_file


@pytest.fixture
def measured():
    """A function that makes the record of a case from two masks."""

    def case(identifier, reference, prediction, spacing=None):
        reference, prediction = np.asarray(reference, dtype=bool), np.asarray(prediction, dtype=bool)
        pair = Pair(identifier, identifier.partition("_")[0], Path(f"r/{identifier}.png"), Path(f"p/{identifier}.png"))
        return measure_case(pair, MaskPair(reference, prediction, None, spacing))

    return case
