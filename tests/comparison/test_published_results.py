"""Figures that others have published, by what must hold between them."""

import math

import pytest

from nnunetv2_cipa.comparison.published_results import PUBLISHED

ROWS = {row.method: row for row in PUBLISHED}


@pytest.mark.parametrize("method", ROWS)
def test_dice_follows_from_iou(method):
    """Of pooled pixels Dice is 2 IoU / (1 + IoU), but for the rounding of both to a hundredth of a percent."""
    row = ROWS[method]
    assert row.dice == pytest.approx(2 * row.iou / (1 + row.iou), abs=0.00012)


def test_percents_are_fractions_without_rounding_errors():
    assert (ROWS["CIPA"].iou, ROWS["CIPA"].dice, ROWS["CIPA"].balanced_accuracy) == (0.6381, 0.7791, 0.8901)


def test_weights_of_the_ablations_add_up():
    """What CRM has is the same with and without DCIM."""
    whole, without_crm, without_dcim, neither = (
        ROWS[name].million_parameters for name in ("CIPA", "CIPA without CRM", "CIPA without DCIM", "CIPA without both")
    )
    assert whole - without_crm == pytest.approx(without_dcim - neither, abs=0.011)


def test_what_is_not_printed_is_not_a_number():
    assert math.isnan(ROWS["nnU-Net"].gflops)
    assert math.isnan(ROWS["CIPA without CRM"].hausdorff95)


def test_each_method_is_there_once():
    assert len(ROWS) == len(PUBLISHED) == 11
