import math
from datetime import datetime, timedelta

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.petct.decay_times import acquisition_times, injection_time, reference_time
from nnunetv2_cipa.petct.suv import suv_scale

RATE = math.log(2) / 6586.2


def reference(slices):
    return reference_time(slices, acquisition_times(slices), RATE)


def test_the_series_time_holds_unless_it_is_later_than_the_first_bed(pet_slices):
    assert reference(pet_slices()).time == datetime(2024, 3, 5, 11)
    assert reference(pet_slices(SeriesTime="110000.999")).time == datetime(2024, 3, 5, 11, 0, 0, 999000)


def test_later_series_are_computed_back_from_the_mean_of_each_frame(pet_slices):
    decayed = RATE * 290
    mean = math.log(decayed / (1 - math.exp(-decayed))) / RATE
    slices = pet_slices(
        SeriesTime="150000", slice_changes=lambda index: {"FrameReferenceTime": 1000 * (300 * (index // 2) + mean)}
    )
    assert abs((reference(slices).time - datetime(2024, 3, 5, 11)).total_seconds()) < 1e-3


def test_ge_counts_to_the_start_of_a_frame(pet_slices):
    slices = pet_slices(
        Manufacturer="GE MEDICAL SYSTEMS",
        SeriesTime="150000",
        slice_changes=lambda index: {"FrameReferenceTime": 300_000 * (index // 2)},
    )
    assert reference(slices).time == datetime(2024, 3, 5, 11)


@pytest.mark.parametrize("keyword", ["GEScanDateTime", "SiemensReferenceDateTime"])
def test_the_vendors_own_time_comes_first(pet_slices, keyword):
    slices = pet_slices(SeriesTime="150000", **{keyword: "20240305105800.00"})
    assert reference(slices).time == datetime(2024, 3, 5, 10, 58)


def test_a_vendors_time_of_another_date_is_not_trusted(pet_slices):
    slices = pet_slices(GEScanDateTime="20190101105800.00")
    assert reference(slices).time == datetime(2024, 3, 5, 11)


def test_slices_that_do_not_agree_are_refused(pet_slices):
    with pytest.raises(InputError, match="reference time"):
        reference(pet_slices(SeriesTime="150000", FrameReferenceTime=0))


def test_a_later_series_without_frame_reference_time_is_refused(pet_slices):
    with pytest.raises(InputError, match="0054,1300"):
        reference(pet_slices(SeriesTime="150000"))


def test_later_beds_may_be_after_midnight(pet_slices):
    def after_midnight(index):
        late = index >= 2
        return {
            "AcquisitionDate": "20240306" if late else "20240305",
            "AcquisitionTime": "000100" if late else "235600",
        }

    slices = pet_slices(
        SeriesTime="235600",
        slice_changes=after_midnight,
        radiopharmaceutical={"RadiopharmaceuticalStartTime": "225600"},
    )
    assert suv_scale(slices).factors == pytest.approx([2e-4 * 2 ** (3600 / 6586.2)] * 4)


def test_beds_without_a_date_of_their_own_may_be_after_midnight(pet_slices):
    slices = pet_slices(
        SeriesTime="235600",
        AcquisitionDate=None,
        slice_changes=lambda index: {"AcquisitionTime": "000100" if index >= 2 else "235600"},
        radiopharmaceutical={"RadiopharmaceuticalStartTime": "225600"},
    )
    assert acquisition_times(slices) == [datetime(2024, 3, 5, 23, 56)] * 2 + [datetime(2024, 3, 6, 0, 1)] * 2
    assert suv_scale(slices).factors == pytest.approx([2e-4 * 2 ** (3600 / 6586.2)] * 4)


def injected(reference_clock, *, half_life=6586.2, offset="", **item):
    scan = datetime(2024, 3, 5) + timedelta(hours=reference_clock)
    return injection_time(item, scan, scan, half_life, offset)


def test_injection_before_midnight_is_on_the_day_before():
    assert injected(0.5, RadiopharmaceuticalStartTime="233000")[0] == datetime(2024, 3, 4, 23, 30)


def test_injection_after_the_scan_is_refused():
    with pytest.raises(InputError, match="after the scan"):
        injected(11, RadiopharmaceuticalStartTime="120000")


@pytest.mark.parametrize("date", ["20240306", "20240304", "20240303", "20190101"])
def test_a_date_that_cannot_be_right_is_replaced_and_said(date):
    time, note = injected(11, RadiopharmaceuticalStartDateTime=f"{date}100000")
    assert time == datetime(2024, 3, 5, 10)
    assert "0018,1078" in note


def test_a_date_of_the_day_before_is_kept_around_midnight():
    assert injected(0.5, RadiopharmaceuticalStartDateTime="20240304233000") == (datetime(2024, 3, 4, 23, 30), None)


def test_long_lived_nuclides_need_a_date():
    zirconium = 78.4 * 3600
    days_before, note = injected(11, half_life=zirconium, RadiopharmaceuticalStartDateTime="20240301100000")
    assert (days_before, note) == (datetime(2024, 3, 1, 10), None)
    with pytest.raises(InputError, match="0018,1078"):
        injected(11, half_life=zirconium, RadiopharmaceuticalStartDateTime="20240306100000")
    with pytest.raises(InputError, match="0018,1078"):
        injected(11, half_life=zirconium, RadiopharmaceuticalStartTime="100000")


def test_time_zones():
    scan = {"offset": "+0100"}
    assert injected(11, **scan, RadiopharmaceuticalStartDateTime="20240305090000+0000")[0] == datetime(2024, 3, 5, 10)
    assert injected(11, RadiopharmaceuticalStartDateTime="20240305100000+0500")[0] == datetime(2024, 3, 5, 10)


def test_real_date_a_day_late(shared_data):
    scan = datetime(2006, 1, 28, 14, 57, 59)
    item = {"RadiopharmaceuticalStartDateTime": "20060129135100.00", "RadiopharmaceuticalStartTime": "135100"}
    time, note = injection_time(item, scan, scan, 6588.0, "")
    assert time == datetime(2006, 1, 28, 13, 51)
    assert note
