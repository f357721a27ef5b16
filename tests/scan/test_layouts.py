import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnunetv2_cipa.scan.layouts import to_maps, to_sequences

SIZES = st.integers(1, 6)


def numbered_maps(directions: int, batch: int, height: int, width: int, features: int) -> list[torch.Tensor]:
    numbers = torch.arange(directions * batch * height * width * features, dtype=torch.float32)
    return list(numbers.view(directions, batch, height, width, features).unbind())


def test_orders_of_a_map_with_two_rows_and_three_columns():
    image = torch.tensor([[1, 2, 3], [4, 5, 6]]).view(1, 2, 3, 1)
    expected = [[1, 2, 3, 4, 5, 6], [1, 4, 2, 5, 3, 6], [6, 5, 4, 3, 2, 1], [6, 3, 5, 2, 4, 1]]
    assert to_sequences([image] * 4).squeeze().T.tolist() == expected


@given(batch=SIZES, height=SIZES, width=SIZES, features=SIZES)
def test_sequences_follow_the_positions_of_each_direction(positions, batch, height, width, features):
    maps = numbered_maps(4, batch, height, width, features)
    sequences = to_sequences(maps)
    assert sequences.shape == (height * width, batch, 4, features)
    for k in range(4):
        rows, columns = positions(k, height, width)
        assert torch.equal(sequences[:, :, k], maps[k][:, rows, columns].transpose(0, 1))


@pytest.mark.parametrize("directions", [1, 4])
@given(batch=st.integers(0, 3), height=SIZES, width=SIZES, features=SIZES)
def test_maps_are_restored(directions, batch, height, width, features):
    maps = numbered_maps(directions, batch, height, width, features)
    restored = to_maps(to_sequences(maps), height, width)
    assert len(restored) == directions
    assert all(torch.equal(actual, expected) for actual, expected in zip(restored, maps, strict=True))


@pytest.mark.parametrize("directions", [1, 4])
def test_sequences_are_new_memory(directions):
    maps = numbered_maps(directions, 1, 2, 3, 2)
    to_sequences(maps).zero_()
    assert maps[0].any()
