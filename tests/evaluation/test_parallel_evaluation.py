"""Whole folders, against nnU-Net's own evaluation and, slice by slice, medpy."""

import json
import math

import numpy as np
import pytest
from medpy.metric.binary import assd, hd95
from nnunetv2.evaluation.evaluate_predictions import compute_metrics, compute_metrics_on_folder
from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.evaluation.parallel_evaluation import evaluate_folders

SPACING = (3.0, 0.977, 0.5)


@pytest.fixture
def labels():
    """A function that makes eight cases of 0, 1 and 2 (ignored): noise, both masks empty, one empty, one full."""
    rng = np.random.default_rng(3)

    def make(shape):
        cases = {}
        for number in range(8):
            reference = (rng.random(shape) < 0.25).astype(np.uint8)
            prediction = (rng.random(shape) < 0.2).astype(np.uint8)
            reference[rng.random(shape) < 0.1] = 2
            cases[f"{number // 3:04d}_{number}"] = reference, prediction
        for empty, names in ((0, ["0000_0", "0000_1"]), (1, ["0000_0", "0001_3"])):
            for name in names:
                cases[name][empty][cases[name][empty] == 1] = 0
        cases["0002_7"][1][:] = 1
        return cases

    return make


@pytest.fixture
def write_cases(tmp_path, write):
    """A function that fills the folders ref and pred of tmp_path, with a dataset.json beside the predictions."""

    def fill(cases, ending):
        for name, pair in cases.items():
            for folder, values in zip(("ref", "pred"), pair, strict=True):
                write(tmp_path / folder / f"{name}{ending}", values, SPACING)
        content = {"labels": {"background": 0, "tumour": 1, "ignore": 2}, "file_ending": ending}
        (tmp_path / "pred" / "dataset.json").write_text(json.dumps(content))
        return tmp_path / "ref", tmp_path / "pred"

    return fill


@pytest.mark.parametrize(
    ("ending", "shape", "reader", "spacing"),
    [(".png", (20, 17), NaturalImage2DIO, None), (".nii.gz", (5, 9, 8), SimpleITKIO, SPACING)],
)
def test_cases_agree_with_nnunet_and_medpy(labels, write_cases, ending, shape, reader, spacing):
    cases = labels(shape)
    found = evaluate_folders(*write_cases(cases, ending))
    assert [case.identifier for case in found.cases] == sorted(cases)
    assert [patient.cases for patient in found.patients] == [3, 3, 2]
    for case in found.cases:
        expected = compute_metrics(case.reference_file, case.prediction_file, reader(), [1], ignore_label=2)["metrics"][
            1
        ]
        overlap = case.overlap
        counts = (overlap.true_positives, overlap.false_positives, overlap.false_negatives, overlap.true_negatives)
        assert counts == tuple(expected[name] for name in ("TP", "FP", "FN", "TN"))
        np.testing.assert_allclose([overlap.dice, overlap.iou], [expected["Dice"], expected["IoU"]])
        reference, prediction = cases[case.identifier]
        masks = prediction * (reference != 2) == 1, reference == 1
        if all(mask.any() for mask in masks):
            assert case.distances.hausdorff95 == pytest.approx(hd95(*masks, spacing), rel=1e-5)
            assert case.distances.average == pytest.approx(assd(*masks, spacing), rel=1e-5)
        else:
            assert math.isnan(case.distances.hausdorff95)


@pytest.mark.slow
def test_means_agree_with_the_summary_of_nnunet(labels, write_cases):
    """Both with worker processes."""
    reference, prediction = write_cases(labels((12, 9)), ".png")
    found = evaluate_folders(reference, prediction, num_processes=2)
    compute_metrics_on_folder(
        str(reference), str(prediction), str(prediction / "summary.json"), NaturalImage2DIO(), ".png", [1], 2, 1
    )
    expected = json.loads((prediction / "summary.json").read_text())["mean"]["1"]
    for measure, key in zip(found.measures("patient"), ("Dice", "IoU"), strict=False):
        mean = found.mean_over_cases(measure)
        assert mean.value == pytest.approx(expected[key])
        assert (mean.defined, mean.total) == (7, 8)


def test_volume_and_its_slices_agree_in_the_protocol(tmp_path, write, labels):
    """Only the protocol's HD95 depends on what a case is, so it looks at slices in either form."""
    cases = labels((4, 11, 9))
    for name, pair in cases.items():
        for folder, values in zip(("ref", "pred"), pair, strict=True):
            write(tmp_path / "volumes" / folder / f"{name}.nii.gz", values % 2, SPACING)
            for number, values_of_slice in enumerate(values):
                write(tmp_path / "slices" / folder / f"{name}_{number}.png", values_of_slice % 2)
    patients = {file.name.split(".")[0]: file.name.partition("_")[0] for file in tmp_path.glob("*/ref/*")}
    volumes, slices = (
        evaluate_folders(tmp_path / form / "ref", tmp_path / form / "pred", patients=patients)
        for form in ("volumes", "slices")
    )
    assert volumes.pooled.overlap == slices.pooled.overlap
    assert volumes.pooled.slice_hausdorff95 == pytest.approx(slices.pooled.slice_hausdorff95)
    assert volumes.pooled.slices == slices.pooled.slices == 32
    for of_volume, of_slices in zip(volumes.patients, slices.patients, strict=True):
        assert of_volume.overlap == of_slices.overlap


@pytest.mark.parametrize("num_processes", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_every_unfit_file_is_named(tmp_path, write, num_processes):
    for number in range(5):
        for folder in ("ref", "pred"):
            write(tmp_path / folder / f"a_{number}.png", np.eye(4))
    write(tmp_path / "pred" / "a_1.png", np.eye(5))
    write(tmp_path / "ref" / "a_2.png", np.eye(4) * 255)
    (tmp_path / "pred" / "a_4.png").write_bytes(b"no picture")
    with pytest.raises(InputError) as caught:
        evaluate_folders(tmp_path / "ref", tmp_path / "pred", num_processes=num_processes)
    message = str(caught.value)
    assert message.splitlines()[0] == "3 of 5 cases cannot be evaluated."
    for fault in (
        "a_1.png: it has 5x5 pixels, not 4x4",
        "a_2.png has values that are no labels: 255",
        "a_4.png cannot",
    ):
        assert fault in message
    assert "a_0" not in message
    assert "a_3" not in message


def test_slices_and_volumes_are_not_mixed(tmp_path, write):
    for folder in ("ref", "pred"):
        write(tmp_path / folder / "volume.nii.gz", np.ones((2, 3, 3)))
        write(tmp_path / folder / "slice.nii.gz", np.ones((3, 3)))
    with pytest.raises(InputError, match="Slices are slice"):
        evaluate_folders(tmp_path / "ref", tmp_path / "pred")


def test_no_processes(tmp_path, write):
    for folder in ("ref", "pred"):
        write(tmp_path / folder / "a.png", np.eye(3))
    with pytest.raises(InputError, match="choose -np from 1 on"):
        evaluate_folders(tmp_path / "ref", tmp_path / "pred", num_processes=0)


def test_several_labels_are_evaluated_together_and_each_by_itself(tmp_path, write):
    dataset = {"labels": {"background": 0, "tumour": 1, "node": 2}, "file_ending": ".png"}
    write(tmp_path / "ref" / "a_1.png", [[1, 1, 2, 2, 0]])
    write(tmp_path / "pred" / "a_1.png", [[1, 2, 2, 0, 0]])
    (tmp_path / "dataset.json").write_text(json.dumps(dataset))
    together = evaluate_folders(tmp_path / "ref", tmp_path / "pred")
    assert together.labels == (1, 2)
    assert together.cases[0].overlap.dice == 6 / 7
    assert {name: of_label.labels for name, of_label in together.per_label.items()} == {"tumour": (1,), "node": (2,)}
    assert together.per_label["tumour"].cases[0].overlap.dice == 2 / 3
    assert together.per_label["node"].cases[0].overlap.dice == 2 / 4
    chosen = evaluate_folders(tmp_path / "ref", tmp_path / "pred", foreground=[2])
    assert (chosen.cases[0].overlap.dice, chosen.per_label) == (2 / 4, {})
