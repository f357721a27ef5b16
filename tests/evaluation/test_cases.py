"""Cases, patients, units and means."""

import math

import numpy as np
import pytest

from nnunetv2_cipa.evaluation.cases import mean, pool, units
from nnunetv2_cipa.evaluation.measures import MEASURES


@pytest.fixture
def one_and_a_half(measured):
    """Two slices of a patient: a lesion found whole, and one missed beside a false alarm."""
    found = measured("ada_1", [[1, 1, 1, 1]], [[1, 1, 1, 1]])
    missed = measured("ada_2", [[1, 0, 0, 0]], [[0, 0, 0, 1]])
    return found, missed


def test_patient_is_measured_by_the_sum_of_its_cases(one_and_a_half):
    patient = pool("ada", one_and_a_half)
    assert (patient.identifier, patient.cases) == ("ada", 2)
    assert patient.overlap.dice == pytest.approx(8 / 10)  # the mean of the slices would be 1 / 2
    assert (patient.lesions.detected, patient.lesions.missed, patient.lesions.false) == (1, 1, 1)
    assert (patient.volumes.reference, patient.volumes.prediction) == (5, 5)
    assert (patient.volumes.false_positive, patient.volumes.false_negative) == (1, 1)
    assert patient.distances.hausdorff95 == pytest.approx((0 + 3) / 2)


def test_distances_of_a_patient_leave_out_undefined_cases(measured):
    cases = [measured("ada_1", [[1, 0]], [[0, 1]]), measured("ada_2", [[1, 0]], [[0, 0]])]
    assert pool("ada", cases).distances.average == 1
    assert math.isnan(pool("ada", cases[1:]).distances.average)


def test_units_follow_the_spacing(measured):
    mask = np.ones((2, 3, 4), dtype=bool)
    volume = measured("a", mask, mask, (5.0, 2.0, 1.0))
    assert units(volume.spacing).volume == "ml"
    assert volume.volumes.reference == pytest.approx(24 * 10 / 1000)
    area = measured("a", mask[0], mask[0], (2.0, 0.5))
    assert (units(area.spacing).length, units(area.spacing).volume) == ("mm", "mm2")
    assert area.volumes.prediction == pytest.approx(12)
    pixels = measured("a", mask[0], mask[0])
    assert (units(pixels.spacing).length, units(pixels.spacing).volume) == ("pixels", "pixels")
    assert pixels.volumes.reference == 12


def test_every_measure_of_a_case_and_of_a_patient(one_and_a_half):
    measures = [m for m in MEASURES.values() if m.level == "patient" and m.applies_to(one_and_a_half[1])]
    for record in (one_and_a_half[1], pool("ada", one_and_a_half)):
        assert not any(math.isnan(measure.of(record)) for measure in measures)
    expected = {
        "dice": 0,
        "iou": 0,
        "sensitivity": 0,
        "precision": 0,
        "hausdorff95": 3,
        "average_surface_distance": 3,
        "false_positive_volume": 1,
        "false_negative_volume": 1,
        "lesion_f1": 0,
        "matched_lesion_f1": 0,
        "matched_lesion_sensitivity": 0,
        "false_lesions": 1,
        "surface_dice": 0,
        "volume_bias": 0,
        "volume_error": 0,
    }
    assert {name: MEASURES[name].of(one_and_a_half[1]) for name in expected} == expected


def test_volume_is_judged_by_its_slices_in_the_protocol(measured):
    """In pixels and slice by slice, whatever the spacing: one distance of 2, one pair of empty slices, one miss."""
    reference, prediction = np.zeros((2, 3, 5, 5), dtype=bool)
    reference[0, 1, 1] = prediction[0, 1, 3] = reference[2, 2, 0] = True
    case = measured("a", reference, prediction, (9.0, 9.0, 9.0))
    assert case.slices == 3
    assert case.slice_hausdorff95 == pytest.approx((2 + 0 + 2) / 3)


def test_mean_counts_what_is_defined():
    found = mean([1.0, math.nan, 3.0])
    assert (found.value, found.defined, found.total) == (2.0, 2, 3)
    assert math.isnan(mean([math.nan]).value)
