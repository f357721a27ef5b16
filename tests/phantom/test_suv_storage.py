import math
from datetime import timedelta

import pytest

from nnunetv2_cipa.phantom.suv_storage import (
    BED_DURATION,
    DOSE,
    HALF_LIFE,
    INJECTED,
    STORAGES,
    UPTAKE,
    WEIGHT,
    stored_slices,
)


def test_bq_at_the_start_mean_suv():
    (first, later) = stored_slices("siemens", [0, 2])
    activity_at_start = DOSE / (1000 * WEIGHT) * 2 ** (-UPTAKE.total_seconds() / HALF_LIFE)
    assert 1 / first.unit == pytest.approx(activity_at_start)
    assert later.unit == first.unit


def test_uncorrected_beds_have_less_and_less_activity():
    units = [stored.unit for stored in stored_slices("uncorrected", [0, 1, 2])]
    decay = math.exp(math.log(2) / HALF_LIFE * BED_DURATION.total_seconds())
    assert units[1] / units[0] == pytest.approx(decay)
    assert units[2] / units[1] == pytest.approx(decay)


def test_later_beds_are_after_midnight():
    dates = [stored.attributes["AcquisitionDate"] for stored in stored_slices("siemens", [0, 1, 2])]
    assert dates == ["20240305", "20240305", "20240306"]
    assert timedelta(hours=2) > INJECTED + UPTAKE + 2 * BED_DURATION - INJECTED


@pytest.mark.parametrize("storage", STORAGES)
def test_every_form_says_its_unit(storage):
    (stored,) = stored_slices(storage, [1])
    assert stored.attributes["Units"] in ("BQML", "CNTS", "GML")
    assert stored.unit > 0
