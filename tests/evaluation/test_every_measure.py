"""Every measure, from files to its figure over patients, against computations that share no code with it.

Masks are noise, empty, full, a single voxel, lesions that touch the border; each kind is paired with each other.
"""

import itertools
import math
import statistics
from types import SimpleNamespace

import cc3d
import medpy.metric.binary as medpy
import networkx
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import surface_distance
from sklearn.metrics import balanced_accuracy_score, f1_score, jaccard_score, precision_score, recall_score

from nnunetv2_cipa.evaluation import MEASURES, evaluate_folders

SHAPE, SPACING = (4, 8, 9), (3.0, 1.5, 0.75)
VOXEL_ML = math.prod(SPACING) / 1000
TOLERANCE = 2.0
NAN = math.nan


def kinds():
    """Masks by what is special about them, each another at every call."""
    generator = np.random.default_rng(11)
    empty = np.zeros(SHAPE, dtype=bool)
    corner, middle, border = empty.copy(), empty.copy(), empty.copy()
    corner[0, 0, 0] = middle[2, 4, 5] = True
    border[0, :3, :4] = border[3, 6:, 7:] = True
    found = {"empty": empty, "full": ~empty, "corner": corner, "middle": middle, "border": border}
    return found | {name: generator.random(SHAPE) < share for name, share in (("sparse", 0.04), ("dense", 0.4))}


@pytest.fixture(scope="module")
def cases():
    """Reference, prediction and PET of each pair of kinds, by identifier; seven patients of seven cases."""
    generator = np.random.default_rng(3)
    return {
        f"{reference}_{prediction}": (one, other, generator.gamma(2, 2, SHAPE).astype(np.float32))
        for (reference, one), (prediction, other) in itertools.product(kinds().items(), repeat=2)
    }


@pytest.fixture(scope="module")
def evaluation(cases, tmp_path_factory):
    folder = tmp_path_factory.mktemp("every")
    for name in ("ref", "pred", "pet"):
        (folder / name).mkdir()
    for case, arrays in cases.items():
        for name, values in zip(("ref", "pred", "pet"), arrays, strict=True):
            image = sitk.GetImageFromArray(values.astype(np.uint8) if values.dtype == bool else values)
            image.SetSpacing(SPACING[::-1])
            sitk.WriteImage(image, str(folder / name / f"{case}.nii.gz"))
    patients = {case: case.partition("_")[0] for case in cases}
    return evaluate_folders(
        folder / "ref", folder / "pred", pets=folder / "pet", patients=patients, tolerance=TOLERANCE
    )


def components(mask):
    numbers = cc3d.connected_components(mask.astype(np.uint8), connectivity=18)
    return [numbers == label for label in range(1, numbers.max() + 1)]


def partners(references, predictions):
    """How many components of two masks are paired, by networkx's blossom algorithm."""
    graph = networkx.Graph()
    for (i, one), (j, other) in itertools.product(enumerate(references), enumerate(predictions)):
        iou = (one & other).sum() / (one | other).sum()
        if iou >= 0.1:
            graph.add_edge(("r", i), ("p", j), weight=iou)
    return len(networkx.max_weight_matching(graph))


def slice_distance(reference, prediction):
    """The published rule for HD95 of a slice, in pixels."""
    if not (reference.any() or prediction.any()):
        return 0.0
    reference, prediction = reference.copy(), prediction.copy()
    for mask in (reference, prediction):
        if not mask.any():
            mask[SHAPE[1] // 2, SHAPE[2] // 2] = True
    return medpy.hd95(prediction, reference)


def borders(reference, prediction):
    """Area of both borders that agrees, and in all, by DeepMind's surface-distance, which fails on empty masks."""
    masks = [mask for mask in (reference, prediction) if mask.any()]
    if not masks:
        return 0.0, 0.0
    found = surface_distance.compute_surface_distances(masks[0], masks[-1], SPACING)
    if len(masks) == 1:
        return 0.0, found["surfel_areas_gt"].sum()
    agreeing = total = 0.0
    for distances, areas in (
        ("distances_gt_to_pred", "surfel_areas_gt"),
        ("distances_pred_to_gt", "surfel_areas_pred"),
    ):
        total += found[areas].sum()
        agreeing += found[areas][found[distances] <= TOLERANCE].sum()
    return agreeing, total


def ingredients(reference, prediction, pet):
    """All that is summed, or averaged, over a patient's cases."""
    references, predictions = components(reference), components(prediction)
    touched = sum((one & prediction).any() for one in references)
    paired = partners(references, predictions)
    both = reference.any() and prediction.any()
    return SimpleNamespace(
        reference=[reference.ravel()],
        prediction=[prediction.ravel()],
        lesions=np.array(
            [touched, len(references) - touched, sum(not (one & reference).any() for one in predictions)], dtype=float
        ),
        matched=np.array([paired, len(references) - paired, len(predictions) - paired], dtype=float),
        missed_ml=VOXEL_ML * sum(one.sum() for one in references if not (one & prediction).any()),
        false_ml=VOXEL_ML * sum(one.sum() for one in predictions if not (one & reference).any()),
        borders=np.array(borders(reference, prediction)),
        distances=[(medpy.hd95(prediction, reference, SPACING), medpy.assd(prediction, reference, SPACING))]
        if both
        else [],
        slices=[slice_distance(*pair) for pair in zip(reference, prediction, strict=True)],
        tlg=np.array([sum(float(pet[one].sum()) * VOXEL_ML for one in found) for found in (references, predictions)]),
    )


def together(parts):
    """Those of several cases as one."""
    names = vars(parts[0])
    return SimpleNamespace(
        **{name: sum((getattr(p, name) for p in parts[1:]), getattr(parts[0], name)) for name in names}
    )


def f1(counts):
    detected, missed, false = counts
    return detected / (detected + (missed + false) / 2) if counts.any() else NAN


def of_pixels(score):
    """A score of scikit-learn's, undefined where that has nothing to divide by."""

    def value(one):
        return score(np.concatenate(one.reference), np.concatenate(one.prediction))

    return value


def acc(truth, found):
    return balanced_accuracy_score(truth, found) if 0 < truth.sum() < truth.size else NAN


def mean_distance(number):
    return lambda one: statistics.fmean(pair[number] for pair in one.distances) if one.distances else NAN


def volumes(one):
    return np.array([VOXEL_ML * np.concatenate(masks).sum() for masks in (one.reference, one.prediction)])


UNDEFINED = {"zero_division": np.nan}
PATIENT = {
    "dice": of_pixels(lambda truth, found: f1_score(truth, found, **UNDEFINED)),
    "iou": of_pixels(
        lambda truth, found: jaccard_score(truth, found) if truth.any() or found.any() else NAN,
    ),
    "sensitivity": of_pixels(lambda truth, found: recall_score(truth, found, **UNDEFINED)),
    "precision": of_pixels(lambda truth, found: precision_score(truth, found, **UNDEFINED)),
    "hausdorff95": mean_distance(0),
    "average_surface_distance": mean_distance(1),
    "false_positive_volume": lambda one: one.false_ml,
    "false_negative_volume": lambda one: one.missed_ml,
    "lesion_f1": lambda one: f1(one.lesions),
    "matched_lesion_f1": lambda one: f1(one.matched),
    "matched_lesion_sensitivity": lambda one: one.matched[0] / one.matched[:2].sum() if one.matched[:2].any() else NAN,
    "false_lesions": lambda one: one.matched[2],
    "surface_dice": lambda one: one.borders[0] / one.borders[1] if one.borders[1] else NAN,
    "volume_bias": lambda one: volumes(one)[1] - volumes(one)[0],
    "volume_error": lambda one: abs(volumes(one)[1] - volumes(one)[0]),
    "tlg_bias": lambda one: one.tlg[1] - one.tlg[0],
    "tlg_error": lambda one: abs(one.tlg[1] - one.tlg[0]),
}
POOLED = {
    "pooled_iou": PATIENT["iou"],
    "pooled_dice": PATIENT["dice"],
    "pooled_balanced_accuracy": of_pixels(acc),
    "pooled_hausdorff95": lambda one: statistics.fmean(one.slices),
}


def limits(sign):
    def value(pairs):
        differences = [prediction - reference for reference, prediction in pairs]
        return statistics.fmean(differences) + sign * statistics.NormalDist().inv_cdf(0.975) * statistics.stdev(
            differences
        )

    return value


def lin(pairs):
    reference, prediction = zip(*pairs, strict=True)
    shift = (statistics.fmean(reference) - statistics.fmean(prediction)) ** 2
    spread = statistics.pvariance(reference) + statistics.pvariance(prediction)
    together = statistics.covariance(reference, prediction) * (len(pairs) - 1) / len(pairs)
    return 2 * together / (spread + shift)


AGREEMENT = {
    f"{name}_{title}": (pairs, formula)
    for name, pairs in (("volume", volumes), ("tlg", lambda one: one.tlg))
    for title, formula in (("lower_limit", limits(-1)), ("upper_limit", limits(1)), ("concordance", lin))
}


@pytest.fixture(scope="module")
def expected(cases):
    return {case: ingredients(*arrays) for case, arrays in cases.items()}


@pytest.fixture(scope="module")
def patients(evaluation, expected):
    return {
        patient.identifier: together([part for case, part in expected.items() if case.startswith(patient.identifier)])
        for patient in evaluation.patients
    }


def test_no_measure_is_left_out():
    assert {*PATIENT, *POOLED, *AGREEMENT} == set(MEASURES)


@pytest.mark.parametrize("name", PATIENT)
def test_of_each_case_and_patient(evaluation, expected, patients, name):
    measure, independent = MEASURES[name], PATIENT[name]
    found = {case.identifier: measure.of(case) for case in evaluation.cases}
    assert found == pytest.approx({case: independent(part) for case, part in expected.items()}, rel=1e-5, nan_ok=True)
    of_patients = {patient.identifier: measure.of(patient) for patient in evaluation.patients}
    theirs = {patient: independent(part) for patient, part in patients.items()}
    assert of_patients == pytest.approx(theirs, rel=1e-5, nan_ok=True)
    assert evaluation.figure(measure) == pytest.approx(np.nanmean(list(theirs.values())), rel=1e-5)


@pytest.mark.parametrize("name", POOLED)
def test_of_all_cases_pooled(evaluation, expected, name):
    whole = together(list(expected.values()))
    assert evaluation.figure(MEASURES[name]) == pytest.approx(POOLED[name](whole), rel=1e-5)


@pytest.mark.parametrize("name", AGREEMENT)
def test_agreement_over_patients(evaluation, patients, name):
    pairs, formula = AGREEMENT[name]
    theirs = formula([pairs(part).tolist() for part in patients.values()])
    assert evaluation.figure(MEASURES[name]) == pytest.approx(theirs, rel=1e-5)
