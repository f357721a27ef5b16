"""A small comparison with its files, as PNG slices or as NIfTI volumes, and a browser where there is one."""

import json
import shutil
from datetime import datetime, timezone

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from markupsafe import Markup
from PIL import Image

from nnunetv2_cipa.comparison import ComparedModel, Comparison, Costs, Curve, Run, Settings
from nnunetv2_cipa.comparison.figures import findings
from nnunetv2_cipa.comparison.published_results import PUBLISHED
from nnunetv2_cipa.evaluation import evaluate_folders
from nnunetv2_cipa.nnunet.images import Images
from nnunetv2_cipa.report import plots

MODELS = ("CIPA", "U-Net", "</script><b>x")
SIZE = (40, 48)


@pytest.fixture(scope="session")
def make_comparison():
    """A function that writes images, references and predictions into a folder and compares them.

    Each patient has a square as tumour, in a CT that rises from left to right and a PET that is hot within it. The
    models shift the square by 0, 2 and 4 pixels; the last one misses the first case.
    """

    def make(folder, cases, *, patients=None, volumes=False, models=MODELS):
        ending = ".nii.gz" if volumes else ".png"
        save = _save_volume if volumes else _save_slice
        for number, case in enumerate(cases):
            tumour = _tumour(4 + 2 * number, volumes)
            ct = np.broadcast_to(np.linspace(-1000, 1000, SIZE[1]) if volumes else np.arange(SIZE[1]), tumour.shape)
            save(folder / "imagesTs" / f"{case}_0000{ending}", ct)
            save(folder / "imagesTs" / f"{case}_0001{ending}", np.where(tumour, 9.5 if volumes else 200, 1))
            save(folder / "labelsTs" / f"{case}{ending}", tumour)
            for shift in range(len(models)):
                predicted = np.roll(tumour, 2 * shift, axis=-1)
                missed = number == 0 and shift == len(models) - 1 and len(models) > 1
                save(folder / f"model{shift}" / f"{case}{ending}", np.zeros_like(tumour) if missed else predicted)
        made = [_model(name, folder, number, patients) for number, name in enumerate(models)]
        settings = Settings(resamples=99)
        return Comparison(
            dataset_name="Dataset001_Made",
            reference=str(folder / "labelsTs"),
            images=Images(str(folder / "imagesTs"), ending, ("CT", "PET")),
            models=tuple(made),
            **vars(findings(made, settings)),
            published=PUBLISHED,
            settings=settings,
            created=datetime(2026, 1, 2, tzinfo=timezone.utc).isoformat(),
        )

    return make


@pytest.fixture(scope="session")
def comparison(make_comparison, tmp_path_factory):
    """Seven cases of three patients, one of them with a name that HTML must not take for its own."""
    cases = [f"{patient}_{number}" for patient in ("ada", "bob") for number in (1, 2, 10)] + ["eve&_1"]
    patients = {case: case.partition("_")[0] for case in cases} | {"eve&_1": "</script><script>throw 1</script>"}
    return make_comparison(tmp_path_factory.mktemp("slices"), cases, patients=patients)


@pytest.fixture(scope="session")
def volumes(make_comparison, tmp_path_factory):
    """Two volumes, with spacing; values are HU and SUV."""
    return make_comparison(tmp_path_factory.mktemp("volumes"), ["ada_1", "bob_1"], volumes=True)


@pytest.fixture(scope="session")
def two_labels(tmp_path_factory):
    """Two volumes with a tumour, the second with a node too, in small and far from it; two models."""
    folder = tmp_path_factory.mktemp("labels")
    (folder / "dataset.json").write_text(
        json.dumps({"labels": {"background": 0, "GTVp": 1, "GTVn": 2}, "file_ending": ".nii.gz", "channel_names": {}})
    )
    for number, case in enumerate(("ada", "bob")):
        labels = _tumour(6, volumes=True).astype(np.uint8)
        if number:
            labels[3:5, 30:34, 36:40] = 2
        _save_labels(folder / "labelsTs" / f"{case}.nii.gz", labels)
        _save_labels(folder / "A" / f"{case}.nii.gz", np.roll(labels, 1, axis=-1))
        _save_labels(folder / "B" / f"{case}.nii.gz", np.where(labels == 2, 0, np.roll(labels, 20, axis=-1)))
    evaluations = {name: evaluate_folders(folder / "labelsTs", folder / name) for name in "AB"}
    models = [ComparedModel(name, (Run(name, found),), None, ()) for name, found in evaluations.items()]
    settings = Settings(resamples=99)
    return Comparison(
        dataset_name="Dataset002_Labels",
        reference=str(folder / "labelsTs"),
        images=None,
        models=tuple(models),
        **vars(findings(models, settings)),
        published=(),
        settings=settings,
        created="2026-01-02T00:00:00+00:00",
        per_label={
            label: findings([model.of_label(label) for model in models], settings) for label in ("GTVp", "GTVn")
        },
    )


@pytest.fixture
def undrawn(monkeypatch):
    """Plots are prepared, but not drawn, which takes most of a small report's time."""
    monkeypatch.setattr(plots, "inline_svg", lambda *_: Markup("<svg></svg>"))


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium; tests that need it are skipped where it is not installed."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    executable = next(filter(None, map(shutil.which, names)), None)
    if executable is None:
        pytest.skip("no Chromium is installed")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def _model(name, folder, number, patients):
    evaluation = evaluate_folders(folder / "labelsTs", folder / f"model{number}", patients=patients)
    values = tuple(np.linspace(1, 0, 5).tolist())
    curve = Curve("0", values, values, values[::-1], values, values)
    costs = Costs(1_500_000, 2 * 10**9, (64, 64), 0.25, 3 * 10**6, "cpu", 2)
    return ComparedModel(
        name=name,
        runs=(Run(str(folder / f"model{number}"), evaluation),),
        costs=costs if number == 0 else None,
        curves=(curve,) if number < 2 else (),
    )


def _tumour(width, volumes):
    square = np.zeros(SIZE, dtype=bool)
    square[10 : 10 + width, 12 : 12 + width] = True
    if not volumes:
        return square
    volume = np.zeros((6, *SIZE), dtype=bool)
    volume[2:5] = square
    return volume


def _save_labels(file, values):
    file.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((1.0, 2.0, 5.0))
    sitk.WriteImage(image, str(file))


def _save_slice(file, values):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.astype(np.uint8)).save(file)


def _save_volume(file, values):
    file.parent.mkdir(parents=True, exist_ok=True)
    is_mask = values.dtype == bool
    image = sitk.GetImageFromArray(np.ascontiguousarray(values, dtype=np.uint8 if is_mask else np.float32))
    image.SetSpacing((1.0, 2.0, 5.0))
    sitk.WriteImage(image, str(file))
