import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.submission.stacks import gaps, stacks_of


def test_slices_by_number_and_the_gaps_between_them():
    names = ["p_00_slice_011", "p_00_slice_009", "p_00_slice_010", "0001_17", "0001_18", "0001_20", "0001_24", "b_3"]
    first, second, third = stacks_of({name: name.rpartition("_")[0] for name in names})
    assert (first.patient, list(first.cases)) == ("p_00_slice", [9, 10, 11])
    assert list(second.cases.items())[-1] == (24, "0001_24")
    assert second.missing == [19, 21, 22, 23]
    assert list(second.numbers) == list(range(17, 25))
    assert third.missing == []
    assert gaps([first, second, third]) == ["0001: 19, 21 to 23"]


@given(
    st.sets(st.integers(0, 400), min_size=1), st.sampled_from(["{}", "a_{:03}", "1_{}.v", "fdg_0a_2020-01-01_z{}_x"])
)
def test_every_number_is_a_slice_or_missing(numbers, form):
    [stack] = stacks_of({form.format(number): "Ada" for number in numbers})
    assert list(stack.cases) == sorted(numbers)
    assert {*stack.cases, *stack.missing} == set(stack.numbers)
    assert all(stack.cases[number] == form.format(number) for number in numbers)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["fdg_0a_2020-01-01_z1", "fdg_0a_2020-01-02_z1"], "several series, as of fdg_0a_2020-01-01_z1, fdg_0a_2020"),
        (["a_1", "b_1"], "several series"),
        (["a_1", "a_01"], "several series|several slices of the same number: 1"),
        (["anna"], "without a number in their name: anna"),
        (["a_1", "a_20030101"], "20030101 are more than a patient can have"),
    ],
)
def test_what_cannot_be_stacked_is_refused(names, message):
    with pytest.raises(InputError, match=rf"(?s)1 of 2 patients cannot be stacked.*Ada.*({message})"):
        stacks_of(dict.fromkeys(names, "Ada") | {"c_1": "Bert"})


def test_a_patient_must_be_fit_for_a_file_name():
    with pytest.raises(InputError, match="cannot be the name of a file"):
        stacks_of({"a_1": "../Ada"})
