"""`nnUNetv2_cipa compare`: models side by side, as tables and as data."""

from argparse import ArgumentParser, Namespace
from datetime import datetime
from pathlib import Path

from tqdm import tqdm

from nnunetv2_cipa.arguments import add_device_argument
from nnunetv2_cipa.evaluation.evaluate import add_reading_arguments
from nnunetv2_cipa.files import new_folder
from nnunetv2_cipa.nnunet.images import images_of_labels
from nnunetv2_cipa.nnunet.patients import find_patients, read_patients

from .comparison import ComparedModel, Comparison
from .costs import measure_costs
from .curves import read_curves
from .evaluate_models import ModelSource, References, evaluate_models
from .figures import with_findings
from .model_facts import Costs
from .published_results import PUBLISHED
from .rendering import latex, markdown
from .specification import Specification, specify
from .statistics import Settings


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("-o", type=Path, required=True, metavar="FOLDER", help="where the results go; it is made")
    parser.add_argument("-d", metavar="DATASET", help="number or name of the dataset that -tr was trained on")
    parser.add_argument(
        "-tr",
        nargs="+",
        default=[],
        metavar="[NAME=]TRAINER",
        help="trained models, compared by their cross-validation, or by --predictions of the same NAME; also "
        "TRAINER__PLANS[__CONFIGURATION]; one NAME for several makes them runs of one model, such as seeds",
    )
    parser.add_argument("-p", default="nnUNetPlans", metavar="PLANS", help="plans of -tr (default: %(default)s)")
    parser.add_argument("-c", default="2d", metavar="CONFIGURATION", help="configuration of -tr (default: %(default)s)")
    parser.add_argument(
        "-f", nargs="+", default=["0", "1", "2", "3", "4"], metavar="FOLD", help="folds of -tr (default: 0 1 2 3 4)"
    )
    parser.add_argument(
        "--predictions",
        nargs="+",
        default=[],
        metavar="NAME=FOLDER",
        help="predictions of -ref, of any origin; one NAME for several folders makes them runs of one model",
    )
    parser.add_argument(
        "-ref",
        type=Path,
        metavar="FOLDER",
        help="label files, such as labelsTs (default, for a cross-validation: those of the dataset)",
    )
    add_reading_arguments(parser)
    add_device_argument(parser, "where the networks' costs are measured (default here: %(default)s)")
    parser.add_argument("--no_costs", action="store_true", help="do not measure time and memory of the networks")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier result")


def run(arguments: Namespace) -> None:
    """Compare, write the results and print them."""
    specification = specify(
        arguments.d,
        arguments.tr,
        arguments.predictions,
        arguments.ref,
        plans=arguments.p,
        configuration=arguments.c,
        folds=arguments.f,
    )
    patients = arguments.patients or find_patients(specification.reference)
    references = References(
        specification.reference,
        foreground=arguments.l,
        dataset_json=arguments.djfile,
        patients=None if patients is None else read_patients(patients),
        pets=arguments.pet,
        tolerance=arguments.tolerance,
    )
    with new_folder(arguments.o, overwrite=arguments.overwrite) as folder:
        comparison = compare(
            specification,
            references,
            device=None if arguments.no_costs else arguments.device,
            patients_file=patients,
            num_processes=arguments.np,
        )
        comparison.to_json(folder / "comparison.json")
        comparison.write_cases(folder / "cases.csv")
        comparison.write_patients(folder / "patients.csv")
        for name, text in (("comparison.md", markdown(comparison)), ("comparison.tex", latex(comparison))):
            (folder / name).write_text(text, encoding="utf-8")
    print(f"\n{markdown(comparison)}\n{arguments.o}")


def compare(
    specification: Specification,
    references: References,
    *,
    device: str | None = None,
    patients_file: Path | None = None,
    num_processes: int = 1,
) -> Comparison:
    """Evaluate all models, and set them side by side.

    Args:
        specification: The models.
        references: What they are measured against.
        device: Where the networks' costs are measured; None leaves costs out.
        patients_file: That names the patients of `references`; None where they are read from names.
        num_processes: How many cases are measured at a time.

    Raises:
        InputError: anything is missing, or does not fit.
    """
    curves = {source.name: read_curves(source.trained) for source in specification.sources}
    runs = evaluate_models(specification.sources, references, num_processes=num_processes)
    costs = {} if device is None else _costs(specification.sources, device)
    models = tuple(
        ComparedModel(source.name, runs[source.name], costs.get(source.name), curves[source.name])
        for source in specification.sources
    )
    return with_findings(
        Comparison(
            dataset_name=specification.dataset_name,
            reference=str(specification.reference),
            images=images_of_labels(specification.reference, specification.dataset_name),
            models=models,
            means={},
            differences=(),
            published=PUBLISHED,
            settings=Settings(),
            created=datetime.now().astimezone().isoformat(timespec="seconds"),
            patients_file=None if patients_file is None else str(patients_file),
        )
    )


def _costs(sources: tuple[ModelSource, ...], device: str) -> dict[str, Costs]:
    """Costs of each model whose network is known: those of its first training, as all have the same network."""
    known = [source for source in sources if source.trained]
    return {source.name: measure_costs(source.trained[0], device) for source in tqdm(known, "costs", disable=not known)}
