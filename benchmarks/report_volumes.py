"""How long a report of volumes takes, how large it is, and how soon a browser shows it.

`python benchmarks/report_volumes.py --cases 50 --side 400 --slices 300 -o report_of_volumes`

makes two phantom volumes and wrong predictions of them, repeats them under new names to as many cases as asked for,
writes the report, every case of which is read and drawn, and opens it in headless Chromium as `report.py` does.
"""

import argparse
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813
from report import predicted, print_sizes, print_times

from nnunetv2_cipa.comparison import ComparedModel, Comparison, Run, Settings
from nnunetv2_cipa.comparison.figures import summarize
from nnunetv2_cipa.comparison.published_results import PUBLISHED
from nnunetv2_cipa.evaluation import Case, Evaluation, evaluate_folders
from nnunetv2_cipa.nnunet.images import Images
from nnunetv2_cipa.phantom.patient import make_patient
from nnunetv2_cipa.report import page

DISTINCT, MODELS = 2, 2
ENDING = ".nii.gz"


def main() -> None:
    """Make, write, open; print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=50)
    parser.add_argument("--side", type=int, default=400, help="of the slices, in pixels")
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("-o", type=Path, required=True, help="folder to work in; it must not exist")
    arguments = parser.parse_args()
    arguments.o.mkdir(parents=True)
    comparison = _comparison(arguments.o.resolve(), arguments.cases, arguments.slices, arguments.side)
    print(f"{arguments.cases} volumes of {arguments.side}x{arguments.side}x{arguments.slices}, {MODELS} models")
    started = time.perf_counter()
    written = page.write_report(comparison, arguments.o / "report.html")
    print(f"written in      {time.perf_counter() - started:.0f} s")
    print_sizes(written)
    print_times(written.page)


def _comparison(folder: Path, cases: int, slices: int, side: int) -> Comparison:
    images, reference = folder / "imagesTs", folder / "labelsTs"
    predictions = {f"model {number}": folder / f"predictions_{number}" for number in range(1, MODELS + 1)}
    for made in (images, reference, *predictions.values()):
        made.mkdir()
    for number in range(DISTINCT):
        _write_volume(_volume(number), slices, side, number, images, reference, list(predictions.values()))
    models = []
    for name, place in predictions.items():
        distinct = {case.identifier: case for case in evaluate_folders(reference, place).cases}
        repeated = tuple(_renamed(distinct[_volume(number)], _name(number), reference) for number in range(cases))
        models.append(ComparedModel(name, (Run(str(place), Evaluation(repeated, (1,))),), None, ()))
    for number in range(cases):
        for linked, ending in ((reference, ENDING), (images, f"_0000{ENDING}"), (images, f"_0001{ENDING}")):
            (linked / f"{_name(number)}{ending}").symlink_to(f"{_volume(number)}{ending}")
    settings = Settings()
    return Comparison(
        "Dataset606_PETCT",
        str(reference),
        Images(str(images), ENDING, ("CT", "PET")),
        tuple(models),
        *summarize(models, settings),
        PUBLISHED,
        settings,
        datetime.now().astimezone().isoformat(timespec="seconds"),
    )


def _write_volume(
    name: str, slices: int, side: int, seed: int, images: Path, reference: Path, predictions: list[Path]
) -> None:
    patient = make_patient(slices, (side, side), seed=(0, seed))
    random = np.random.default_rng(seed)
    volumes = {
        images / f"{name}_0000{ENDING}": np.rint(patient.ct).astype(np.int16),
        images / f"{name}_0001{ENDING}": patient.pet.astype(np.float32),
        reference / f"{name}{ENDING}": patient.tumour.astype(np.uint8),
    }
    for fault, folder in enumerate(predictions, start=1):
        volumes[folder / f"{name}{ENDING}"] = np.stack([predicted(one, fault, random) for one in patient.tumour])
    for path, values in volumes.items():
        image = sitk.GetImageFromArray(values)
        image.SetSpacing([float(step) for step in patient.spacing[::-1]])
        sitk.WriteImage(image, str(path))


def _renamed(case: Case, name: str, reference: Path) -> Case:
    return replace(case, identifier=name, patient=name, reference_file=str(reference / f"{name}{ENDING}"))


def _name(number: int) -> str:
    return f"patient{number:03d}"


def _volume(number: int) -> str:
    return f"volume{number % DISTINCT}"


if __name__ == "__main__":
    main()
