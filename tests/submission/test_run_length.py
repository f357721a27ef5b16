import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.submission.run_length import decode, encode

MASK = np.array([[1, 0, 1], [1, 1, 0]], dtype=bool)


@pytest.mark.parametrize(("order", "text"), [("column", "1 2 4 2"), ("row", "1 1 3 3")])
def test_known_text(order, text):
    assert encode(MASK, order) == text
    np.testing.assert_array_equal(decode(text, MASK.shape, order), MASK)


def plainly_encoded(pixels):
    """Pixel by pixel, as the rule is told."""
    runs = []
    for number, pixel in enumerate(pixels, start=1):
        if pixel and runs and sum(runs[-1]) == number:
            runs[-1][1] += 1
        elif pixel:
            runs.append([number, 1])
    return " ".join(str(value) for run in runs for value in run)


@given(
    mask=arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9)),
    order=st.sampled_from(["column", "row"]),
    empty=st.sampled_from(["", "-1", "-"]),
)
def test_round_trip(mask, order, empty):
    text = encode(mask, order, empty)
    assert text == (plainly_encoded(mask.T.ravel() if order == "column" else mask.ravel()) or empty)
    np.testing.assert_array_equal(decode(text, mask.shape, order, empty), mask)


def test_layout_in_memory_does_not_matter():
    assert encode(np.asfortranarray(MASK)) == encode(MASK)
    assert encode(np.repeat(MASK, 2, axis=1)[:, ::2]) == encode(MASK)


def test_runs_that_touch_are_understood():
    np.testing.assert_array_equal(decode("1 1 2 2", (1, 4)), [[1, 1, 1, 0]])


@pytest.mark.parametrize(
    "text", ["1", "1 x", "1.5 2", "-1", "-1 2", "0 1", "1 0", "3 1 1 1", "1 2 2 1", "6 2", "9" * 30 + " 1"]
)
def test_what_is_no_encoding_is_refused(text):
    with pytest.raises(InputError, match=r"is no run-length encoding|does not fit 2x3 pixels"):
        decode(text, (2, 3))


def test_empty_needs_its_own_text():
    with pytest.raises(InputError, match="pairs of start and length"):
        decode("", (2, 3), empty="-1")
