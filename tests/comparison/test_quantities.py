"""What is compared, and in which units."""

from nnunetv2_cipa.comparison import QUANTITIES
from nnunetv2_cipa.comparison.quantities import PATIENT_QUANTITIES, POOLED_QUANTITIES
from nnunetv2_cipa.evaluation import MEASURES
from nnunetv2_cipa.evaluation.records import Units


def test_all_measures_are_there_and_the_protocol():
    assert [quantity.measure for quantity in PATIENT_QUANTITIES] == list(MEASURES)
    assert len(QUANTITIES) == len(MEASURES) + len(POOLED_QUANTITIES)
    assert all(name == quantity.name for name, quantity in QUANTITIES.items())


def test_values(evaluation):
    evaluated = evaluation(a_1=(9, 1, 0, 90, 2.0, 3), a_2=(0, 0, 2, 98, 6.0), b_1=(5, 1, 0, 94, 4.0))
    assert QUANTITIES["pooled_dice"].of(evaluated) == 28 / (28 + 2 + 2)
    assert QUANTITIES["pooled_iou"].of(evaluated) == 14 / 18
    assert QUANTITIES["pooled_balanced_accuracy"].of(evaluated) == (14 / 16 + 282 / 284) / 2
    assert QUANTITIES["pooled_hausdorff95"].of(evaluated) == (3 * 2 + 6 + 4) / 5
    assert QUANTITIES["dice"].of(evaluated) == (18 / 21 + 10 / 11) / 2


def test_units():
    millimetres = Units("mm", "ml")
    assert QUANTITIES["dice"].unit(millimetres) == ""
    assert QUANTITIES["hausdorff95"].unit(millimetres) == "mm"
    assert QUANTITIES["false_positive_volume"].unit(millimetres) == "ml"
    assert QUANTITIES["pooled_hausdorff95"].unit(millimetres) == "pixels"
    assert QUANTITIES["pooled_dice"].is_pooled
    assert not QUANTITIES["dice"].is_pooled
