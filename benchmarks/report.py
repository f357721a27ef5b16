"""How long a large report takes, how large it is, and how soon a browser shows it.

`python benchmarks/report.py --cases 4514 --models 5 -o report_benchmark`

makes 96 phantom slices of 512x512 and wrong predictions of them, repeats them under new names to as many cases as asked
for, writes the report, and opens it in headless Chromium through Playwright. Pictures of repeated slices are copied
instead of made again; the processor time of a case is that of the 96. The page counts as open when the worst case's
picture is in it and two frames were painted since.
"""

import argparse
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, sync_playwright
from scipy import ndimage

from nnunetv2_cipa.comparison import ComparedModel, Comparison, Run, Settings
from nnunetv2_cipa.comparison.figures import summarize
from nnunetv2_cipa.comparison.published_results import PUBLISHED
from nnunetv2_cipa.evaluation import Case, Evaluation, evaluate_folders
from nnunetv2_cipa.nnunet.images import Images
from nnunetv2_cipa.phantom.patient import make_patient
from nnunetv2_cipa.phantom.scanner import CT_WINDOW, SUV_CAP, to_8_bit
from nnunetv2_cipa.report import page
from nnunetv2_cipa.report.case_files import case_file, embedded, write_case_files
from nnunetv2_cipa.report.sources import CaseSources

PATIENTS, SLICES, SIZE = 8, 12, 512
CASES_PER_PATIENT = 37  # 4,514 test slices of 121 patients
REPEATS = 5
TWO_FRAMES = "() => new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)))"


def main() -> None:
    """Make, write, open; print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=4514)
    parser.add_argument("--models", type=int, default=5)
    parser.add_argument("-o", type=Path, required=True, help="folder to work in; it must not exist")
    arguments = parser.parse_args()
    arguments.o.mkdir(parents=True)
    comparison = _comparison(arguments.o, arguments.cases, arguments.models)
    print(f"{arguments.cases} cases, {arguments.models} models, {SIZE}x{SIZE}")
    page.write_case_files = _write_repeated  # type: ignore[assignment]
    written = page.write_report(comparison, arguments.o / "report.html")
    print_sizes(written)
    print_times(written.page)


def _write_repeated(
    folder: Path, sources: Sequence[CaseSources], labels: Sequence[Sequence[int]], *, num_processes: int
) -> int:
    """Write the cases' files as the report does, those of repeated slices as copies under another number."""
    started = time.process_time()
    distinct = sources[: PATIENTS * SLICES]
    write_case_files(folder, distinct, labels, num_processes=num_processes)
    print(f"processor time  {(time.process_time() - started) / len(distinct):.3f} s for each case")
    pictures = [embedded(folder / case_file(number))[1] for number in range(len(distinct))]
    return sum(
        (folder / case_file(number)).write_text(f'receiveCase("{number}",{pictures[number % len(pictures)]});\n')
        for number in range(len(sources))
    )


def _comparison(folder: Path, cases: int, models: int) -> Comparison:
    images, reference = folder / "imagesTs", folder / "labelsTs"
    predictions = {f"model {number}": folder / f"predictions_{number}" for number in range(1, models + 1)}
    _write_slices(images, reference, list(predictions.values()))
    made = []
    for name, predicted in predictions.items():
        distinct = {case.identifier: case for case in evaluate_folders(reference, predicted).cases}
        repeated = tuple(_repeated(distinct, cases))
        made.append(ComparedModel(name, (Run(str(predicted), Evaluation(repeated, (1,))),), None, ()))
    for number in range(cases):
        for linked, ending in ((reference, ".png"), (images, "_0000.png"), (images, "_0001.png")):
            (linked / f"{_name(number)}{ending}").symlink_to(f"{_distinct(number)}{ending}")
    settings = Settings()
    return Comparison(
        "Dataset605_PCLT20K",
        str(reference),
        Images(str(images), ".png", ("CT", "PET")),
        tuple(made),
        *summarize(made, settings),
        PUBLISHED,
        settings,
        datetime.now().astimezone().isoformat(timespec="seconds"),
    )


def _write_slices(images: Path, reference: Path, predictions: list[Path]) -> None:
    for folder in (images, reference, *predictions):
        folder.mkdir()
    random = np.random.default_rng(0)
    for patient_number in range(PATIENTS):
        patient = make_patient(SLICES, (SIZE, SIZE), seed=(0, patient_number))
        ct, pet = to_8_bit(patient.ct, *CT_WINDOW), to_8_bit(patient.pet, 0, SUV_CAP)
        for index, tumour in enumerate(patient.tumour):
            name = f"slice{patient_number * SLICES + index}"
            Image.fromarray(ct[index]).save(images / f"{name}_0000.png")
            Image.fromarray(pet[index]).save(images / f"{name}_0001.png")
            Image.fromarray(tumour.astype(np.uint8)).save(reference / f"{name}.png")
            for fault, folder in enumerate(predictions, start=1):
                Image.fromarray(predicted(tumour, fault, random)).save(folder / f"{name}.png")


def predicted(tumour: NDArray[np.bool_], fault: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """The tumour with a rough border, the rougher the larger the fault."""
    rough = ndimage.gaussian_filter(random.normal(size=tumour.shape), 5)
    distance = ndimage.distance_transform_edt(tumour) - ndimage.distance_transform_edt(~tumour)
    return (distance + fault * 1.5 * rough / rough.std() > fault / 2).astype(np.uint8)


def _repeated(distinct: dict[str, Case], cases: int) -> Iterator[Case]:
    for number in range(cases):
        case, name = distinct[_distinct(number)], _name(number)
        file = Path(case.reference_file).with_name(f"{name}.png")
        yield replace(case, identifier=name, patient=name.partition("_")[0], reference_file=str(file))


def _name(number: int) -> str:
    return f"{number // CASES_PER_PATIENT:04d}_{number % CASES_PER_PATIENT}"


def _distinct(number: int) -> str:
    return f"slice{number % (PATIENTS * SLICES)}"


def print_sizes(written: page.Written) -> None:
    """Print how large a report is."""
    print(f"page            {written.page.stat().st_size / 1e6:.2f} MB")
    if written.folder is not None:
        largest = max(file.stat().st_size for file in written.folder.iterdir())
        print(f"folder          {written.case_bytes / 1e6:.0f} MB, largest file {largest / 1e6:.2f} MB")


def print_times(report: Path) -> None:
    """Print how soon a browser shows a report, and another case of it."""
    with sync_playwright() as playwright:
        executable = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        seconds = [_open(browser, report) for _ in range(REPEATS)]
        print(f"opened in       {np.median([opened for opened, _ in seconds]):.2f} s (median of {REPEATS})")
        print(f"another case in {np.median([following for _, following in seconds]) * 1000:.0f} ms")
        browser.close()


def _open(browser: Browser, report: Path) -> tuple[float, float]:
    """Seconds until the page shows its first case, and from the click on Best until it shows another one."""
    tab = browser.new_page()
    started = time.perf_counter()
    tab.goto(report.resolve().as_uri())
    tab.locator("#ct[href]").wait_for(state="attached")
    tab.evaluate(TWO_FRAMES)
    opened = time.perf_counter() - started
    before = tab.locator("#picture").get_attribute("data-case")
    started = time.perf_counter()
    tab.locator("#best").click()
    tab.locator(f'#picture:not([data-case="{before}"])').wait_for()
    tab.evaluate(TWO_FRAMES)
    following = time.perf_counter() - started
    tab.close()
    return opened, following


if __name__ == "__main__":
    main()
