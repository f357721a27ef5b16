"""Probabilities beside predictions: when they are taken, and what they score."""

import json

import numpy as np
import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.evaluation.parallel_evaluation import evaluate_folders
from nnunetv2_cipa.quantities.free_response import Candidates

LABELS = {"background": 0, "node": 2, "tumour": 1}


@pytest.fixture
def folders(tmp_path, write):
    """One volume with a tumour and a node; both are predicted, and a tumour more. Probabilities as nnU-Net saves them.

    Returns:
        A function that writes them: for which cases there are probabilities, and of which shape.
    """

    def make(*, scored=("a_1", "b_1"), depth=3, labels=LABELS, ending=".nii.gz"):
        shape = (3, 4, 8)
        reference, prediction = np.zeros(shape, dtype=np.uint8), np.zeros(shape, dtype=np.uint8)
        reference[1, 1, :2], reference[1, 1, 6:] = 1, 2
        prediction[1, 1, 1:2], prediction[1, 1, 6:], prediction[2, 3, 4] = 1, 2, 1
        probabilities = np.zeros((3, *shape), dtype=np.float32)
        probabilities[1, 1, 1, 1], probabilities[2, 1, 1, 6:], probabilities[1, 2, 3, 4] = 0.75, 0.5, 0.625
        probabilities[2, 1, 1, 1] = 0.125  # of the other label: counts in both together only
        probabilities[0] = 1 - probabilities[1:].sum(axis=0)
        content = {"labels": labels, "file_ending": ending}
        for case in ("a_1", "b_1"):
            write(tmp_path / "ref" / f"{case}{ending}", reference)
            write(tmp_path / "pred" / f"{case}{ending}", prediction)
            if case in scored:
                np.savez(tmp_path / "pred" / f"{case}.npz", probabilities=probabilities[:, :depth])
        (tmp_path / "pred" / "dataset.json").write_text(json.dumps(content))
        return tmp_path / "ref", tmp_path / "pred"

    return make


def test_lesions_are_scored_by_the_probability_of_their_labels(folders):
    found = evaluate_folders(*folders())
    assert found.cases[0].candidates == Candidates(2, (0.875, 0.5), (0.625,))
    assert found.per_label["tumour"].cases[0].candidates == Candidates(1, (0.75,), (0.625,))
    assert found.per_label["node"].cases[0].candidates == Candidates(1, (0.5,))
    assert found.pooled.candidates.lesions == 4
    assert found.free_response.scores.tolist() == [np.inf, 0.875, 0.625, 0.5]


@pytest.mark.parametrize("scored", [(), ("a_1",)])
def test_without_probabilities_of_all_cases_every_lesion_scores_1(folders, scored):
    found = evaluate_folders(*folders(scored=scored))
    assert found.cases[0].candidates == Candidates(2, (1.0, 1.0), (1.0,))
    assert found.free_response.scores.tolist() == [np.inf, 1]
    assert found.free_response.sensitivities.tolist() == [0, 1]
    assert found.free_response.false_positives.tolist() == [0, 1]


def test_without_a_dataset_json_channels_mean_nothing(folders):
    reference, prediction = folders()
    (prediction / "dataset.json").unlink()
    found = evaluate_folders(reference, prediction, foreground=[1, 2])
    assert found.cases[0].candidates == Candidates(2, (1.0, 1.0), (1.0,))


def test_probabilities_of_another_shape_are_refused(folders):
    with pytest.raises(InputError, match=r"a_1\.npz has probabilities of the shape \(2, 4, 8\), its mask \(3, 4, 8\)"):
        evaluate_folders(*folders(depth=2))


def test_slices_have_probabilities_of_one_slice(tmp_path, write):
    mask = np.zeros((4, 5), dtype=np.uint8)
    mask[1, 1:3] = 1
    for folder in ("ref", "pred"):
        write(tmp_path / folder / "a_1.png", mask)
    foreground = np.where(mask, 0.75, 0).astype(np.float32)
    np.savez(tmp_path / "pred" / "a_1.npz", probabilities=np.stack([1 - foreground, foreground])[:, np.newaxis])
    content = {"labels": {"background": 0, "tumour": 1}, "file_ending": ".png"}
    (tmp_path / "pred" / "dataset.json").write_text(json.dumps(content))
    found = evaluate_folders(tmp_path / "ref", tmp_path / "pred")
    assert found.cases[0].candidates == Candidates(1, (0.75,))
