"""`nnUNetv2_cipa report`: a comparison, an ensemble's trust, or both, as an HTML page."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from nnunetv2_cipa.arguments import add_patients_argument, add_processes_argument
from nnunetv2_cipa.comparison import Comparison, read_comparison
from nnunetv2_cipa.comparison.figures import regrouped
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.evaluation.evaluation import remark_on_patients
from nnunetv2_cipa.evaluation.wording import amount
from nnunetv2_cipa.nnunet.patients import find_patients, patients_of

from .page import write_report
from .trust_page import write_trust_page
from .trust_section import trust_section


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("-i", type=Path, metavar="comparison.json", help="made by nnUNetv2_cipa compare")
    parser.add_argument("-o", type=Path, required=True, metavar="report.html", help="the page")
    parser.add_argument(
        "--trust",
        type=Path,
        metavar="FOLDER",
        help="made by nnUNetv2_cipa trust: which cases to look at first; without -i the page shows that alone",
    )
    parser.add_argument(
        "--images",
        type=Path,
        metavar="FOLDER",
        help="CT and PET of the cases, such as imagesTs (default: the folder that the comparison names)",
    )
    add_patients_argument(
        parser,
        "those of the comparison; if it has read them from names, patients.json beside the dataset.json of its "
        "references",
        what="other patients of the cases, as {case: patient}",
    )
    add_processes_argument(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier report")


def run(arguments: Namespace) -> None:
    """Write the page and say where it is."""
    if arguments.o.suffix != ".html":
        raise InputError(f"{arguments.o} must end with .html.")
    trust = None if arguments.trust is None else trust_section(arguments.trust)
    if arguments.i is None:
        if trust is None:
            raise InputError(
                "There is nothing to show: name a comparison with -i, or an ensemble's trust with --trust."
            )
        write_trust_page(trust, arguments.o, overwrite=arguments.overwrite)
        print(f"\n{arguments.o}")
        return
    comparison = _with_patients(read_comparison(arguments.i), arguments.patients)
    written = write_report(
        comparison,
        arguments.o,
        images_folder=arguments.images,
        trust=trust,
        overwrite=arguments.overwrite,
        num_processes=arguments.np,
    )
    if comparison.images is None and arguments.images is None:
        print("The comparison does not name its images: the viewer shows outlines alone. Give them with --images.")
    print(f"\n{written.page}  {_megabytes(written.page.stat().st_size)}")
    if written.folder is not None:
        print(f"{written.folder}  {_megabytes(written.case_bytes)}, to be kept beside the page")


def _with_patients(comparison: Comparison, given: Path | None) -> Comparison:
    """The comparison with the patients that a file names now, where the comparison has none or the user gives one."""
    file = given
    if given is None and comparison.patients_file is None:
        file = find_patients(Path(comparison.reference))
    if file is None:
        if comparison.patients_file is None:
            print(remark_on_patients(comparison.models[0].evaluation, None))
        return comparison
    cases = [case.identifier for case in comparison.models[0].evaluation.cases]
    return regrouped(comparison, patients_of(cases, file), file)


def _megabytes(size: int) -> str:
    return f"{amount(size / 1e6)} MB"
