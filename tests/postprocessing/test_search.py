"""The best rule against applying all rules to all masks."""

import itertools

import numpy as np
import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.evaluation.lesions import lesions
from nnunetv2_cipa.evaluation.overlap import overlap
from nnunetv2_cipa.postprocessing import search as module
from nnunetv2_cipa.postprocessing.component_table import component_tables
from nnunetv2_cipa.postprocessing.rule import Rule
from nnunetv2_cipa.postprocessing.search import THRESHOLDS, CaseTables, search, tunable_measures

MEASURES = tunable_measures()


@pytest.fixture
def few_sizes(monkeypatch):
    monkeypatch.setitem(module.SIZES, "pixels", (0, 2, 6))


@pytest.fixture
def drawn():
    """Random cases of three patients in two folds; one patient has no tumour."""
    generator = np.random.default_rng(3)
    cases = []
    for patient, fold, tumour in (("a", 0, True), ("a", 0, True), ("b", 1, True), ("c", 1, False)):
        reference = np.zeros((1, 12, 12), dtype=bool)
        reference[0, 3:7, 4:9] = tumour
        foreground = (0.3 * reference + 0.65 * generator.random(reference.shape)).astype(np.float32)
        cases.append((patient, fold, reference, foreground))
    return cases


def tables_of(cases):
    return [
        CaseTables(patient, fold, 1.0, component_tables(truth, values, np.ones_like(truth), THRESHOLDS))
        for patient, fold, truth, values in cases
    ]


def by_masks(cases, rule, name, patients):
    """The figure of a rule, of the masks that it makes."""
    masks = [(patient, truth, rule.mask(values, 1)) for patient, _, truth, values in cases if patient in patients]

    def value(of):
        if name == "lesion_f1":
            found = [lesions(truth, mask) for patient, truth, mask in masks if patient in of]
            hits = 2 * sum(one.detected for one in found)
            wrong = sum(one.missed + one.false for one in found)
            return hits / (hits + wrong) if hits + wrong else 1.0
        counts = [overlap(truth, mask) for patient, truth, mask in masks if patient in of]
        hits = sum(one.true_positives for one in counts)
        wrong = sum(one.false_positives + one.false_negatives for one in counts)
        doubled = hits if name == "iou" else 2 * hits
        return doubled / (doubled + wrong) if hits + wrong else 1.0

    return value(patients) if name.startswith("pooled") else np.mean([value({patient}) for patient in patients])


@pytest.mark.parametrize("name", ["dice", "iou", "lesion_f1", "pooled_dice"])
def test_no_other_rule_is_better(few_sizes, drawn, name):
    found = search(tables_of(drawn), MEASURES[name], "pixels")
    rules = [Rule(*three) for three in itertools.product(THRESHOLDS, (0, 2, 6), (0, 2, 6))]
    everyone = {"a", "b", "c"}
    assert found.best == pytest.approx(max(by_masks(drawn, rule, name, everyone) for rule in rules))
    assert by_masks(drawn, found.rule, name, everyone) == pytest.approx(found.best)
    assert found.plain == pytest.approx(by_masks(drawn, Rule(), name, everyone))
    for fold, others in ((0, {"b", "c"}), (1, {"a"})):
        best = max(by_masks(drawn, rule, name, others) for rule in rules)
        assert by_masks(drawn, found.of_folds[fold], name, others) == pytest.approx(best)


def test_what_it_is_worth_is_told_by_patients_that_were_not_looked_at(few_sizes, drawn):
    found = search(tables_of(drawn), MEASURES["dice"], "pixels")
    values = [by_masks(drawn, found.of_folds[fold], "dice", {p}) for p, fold in (("a", 0), ("b", 1), ("c", 1))]
    assert found.held_out == pytest.approx(np.mean(values))
    assert found.held_out <= found.best


def test_the_plainest_of_equally_good_rules_is_taken(drawn):
    perfect = [(patient, fold, truth, truth.astype(np.float32)) for patient, fold, truth, _ in drawn]
    found = search(tables_of(perfect), MEASURES["dice"], "pixels")
    assert found.rule == Rule(0.5, 0, 0, "pixels")
    assert found.best == found.plain == found.largest_only == found.held_out == 1


def test_a_gate_is_found_where_patients_without_tumour_have_specks():
    truth, specks = np.zeros((1, 20, 20), dtype=bool), np.zeros((1, 20, 20), dtype=np.float32)
    truth[0, 5:15, 5:15] = True
    specks[0, ::5, ::5] = 0.9
    cases = [("a", 0, truth, truth * np.float32(0.9)), ("b", 1, truth & False, specks)]
    found = search(tables_of(cases), MEASURES["dice"], "pixels")
    assert found.plain == pytest.approx(0.5)
    assert found.best == 1
    assert found.rule.smallest_lesion == 2
    assert found.rule.threshold == 0.5


def test_one_fold_has_no_check(drawn):
    found = search(tables_of([case for case in drawn if case[1] == 1]), MEASURES["dice"], "pixels")
    assert np.isnan(found.held_out)
    assert found.of_folds == {}


def test_only_measures_of_a_whole_mask_can_be_tuned():
    assert set(MEASURES) == {"pooled_iou", "pooled_dice", "pooled_balanced_accuracy", "dice", "iou", "lesion_f1"}


def test_a_patient_in_two_folds_is_refused(drawn):
    mixed = [(patient, index % 2, truth, values) for index, (patient, _, truth, values) in enumerate(drawn)]
    with pytest.raises(InputError, match=r"1 patients have cases in several folds \(a\).*--patients"):
        search(tables_of(mixed), MEASURES["dice"], "pixels")
    with pytest.raises(InputError, match="no cases"):
        search([], MEASURES["dice"], "pixels")
