import sys

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.processes import for_each, last_lines, output_of


def square(number):
    if number < 0:
        raise InputError(f"{number} is negative")
    if number > 100:
        raise ZeroDivisionError("a fault of ours")
    return number**2


WAYS = [{"num_processes": 1}, {"num_processes": 2}, {"num_processes": 3, "threads": True}]


@pytest.mark.parametrize("way", WAYS)
def test_results_keep_the_order(way):
    assert for_each(square, range(70), description="d", failure="f", **way) == [n**2 for n in range(70)]


@pytest.mark.parametrize("way", WAYS)
def test_all_faults_are_collected(way):
    with pytest.raises(InputError) as caught:
        for_each(square, [1, -2, 3, -4], description="d", failure="numbers are wrong", **way)
    assert str(caught.value) == "2 of 4 numbers are wrong.\n-2 is negative\n-4 is negative"


@pytest.mark.parametrize("way", WAYS)
def test_other_exceptions_are_not_swallowed(way):
    with pytest.raises(ZeroDivisionError, match="a fault of ours"):
        for_each(square, [1, 101], description="d", failure="f", **way)


def test_nothing_to_do_is_no_fault():
    assert for_each(square, [], description="d", failure="f", num_processes=4) == []


def test_no_process_at_all_is_refused():
    with pytest.raises(InputError, match="-np from 1 on"):
        for_each(square, [1], description="d", failure="f", num_processes=0)


def test_output_of_a_command_holds_both_streams():
    code = "import os, sys; print(os.environ['A']); sys.stdout.flush(); print('err', file=sys.stderr)"
    assert output_of([sys.executable, "-c", code], failure="f", environment={"A": "out"}) == "out\nerr\n"


def test_a_failed_command_ends_with_its_last_lines():
    code = "for n in range(40): print('line', n)\nraise SystemExit(3)"
    with pytest.raises(InputError) as caught:
        output_of([sys.executable, "-c", code], failure="It did not work")
    assert str(caught.value) == "It did not work (exit code 3):\n" + "\n".join(f"line {n}" for n in range(25, 40))


def test_last_lines_of_little():
    assert last_lines("a\nb\n", 3) == "a\nb"
