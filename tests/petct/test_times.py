from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnunetv2_cipa.petct.times import clock_time, day, moment


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("101112.5", timedelta(hours=10, minutes=11, seconds=12.5)),
        ("101112.123456", timedelta(hours=10, minutes=11, seconds=12, microseconds=123456)),
        ("10:11:12", timedelta(hours=10, minutes=11, seconds=12)),
        ("1011", timedelta(hours=10, minutes=11)),
        ("10", timedelta(hours=10)),
        (" 101112 ", timedelta(hours=10, minutes=11, seconds=12)),
    ],
)
def test_clock_times(text, expected):
    assert clock_time(text) == expected


@pytest.mark.parametrize("text", ["", "1", "10111", "noon", "10.5", "101112.1234567"])
def test_what_is_no_clock_time(text):
    assert clock_time(text) is None


@pytest.mark.parametrize("text", ["20240305", "2024-03-05", "2024.03.05", " 20240305"])
def test_days(text):
    assert day(text) == datetime(2024, 3, 5)


@pytest.mark.parametrize("text", ["", "20241305", "2024", "2024030"])
def test_what_is_no_day(text):
    assert day(text) is None


@given(st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1)))
def test_moments_read_back(time):
    assert moment(f"{time:%Y%m%d%H%M%S.%f}") == time


def test_offsets_are_brought_to_the_files_own():
    assert moment("20240305100000+0000", "+0530") == datetime(2024, 3, 5, 15, 30)
    assert moment("20240305230000-0100", "+0100") == datetime(2024, 3, 6, 1)
    assert moment("20240305100000+0900") == datetime(2024, 3, 5, 10)


@pytest.mark.parametrize("text", ["", "20240305", "20241399100000", "now"])
def test_what_is_no_moment(text):
    assert moment(text) is None
