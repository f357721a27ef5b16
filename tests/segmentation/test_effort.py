import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.segmentation.effort import Effort, choose_effort, efforts


def seconds(effort: Effort) -> float:
    """Of a network that takes a second for 16 tiles, four times as long mirrored."""
    return effort.folds * (4 if effort.mirrored else 1) * 16 / (effort.step_size * 2) ** 2


def test_all_that_a_model_can_do_begins_with_nnunets_default():
    assert efforts(5, True)[0] == Effort(5, True, 0.5)
    assert len(efforts(5, True)) == 30
    assert not any(effort.mirrored for effort in efforts(2, False))


@pytest.mark.parametrize("limit", [5, 10, 20, 50, 100, 1000])
def test_the_most_computation_that_fits_is_chosen(limit):
    _, expected = choose_effort(efforts(5, True), seconds, limit)
    assert expected <= 0.85 * limit
    assert not any(expected < seconds(other) <= 0.85 * limit for other in efforts(5, True))


def test_more_folds_are_preferred_at_equal_cost():
    chosen, _ = choose_effort([Effort(1, True, 0.5), Effort(4, False, 0.5)], seconds, 1000)
    assert chosen == Effort(4, False, 0.5)


def test_a_limit_that_cannot_be_kept_is_refused():
    with pytest.raises(InputError, match="at least"):
        choose_effort(efforts(5, True), seconds, 1)
