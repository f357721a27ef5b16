"""`nnUNetv2_cipa trust`: which predictions of an ensemble to look at first, and maps of where it is in doubt."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from nnunetv2_cipa.arguments import add_processes_argument
from nnunetv2_cipa.evaluation.evaluation import write_csv
from nnunetv2_cipa.evaluation.json_files import write_json
from nnunetv2_cipa.files import new_folder
from nnunetv2_cipa.processes import for_each

from .calibrate import read_temperature
from .members import Members, find_members
from .reference import References, find_references
from .trust_files import content, curve_of, least_trusted_first, rows
from .trusted_case import TrustedCase, highest_entropy, read_case

_SHOWN = 10


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "-i",
        type=Path,
        nargs="+",
        required=True,
        metavar="FOLDER",
        help="predictions of each member (fold, seed or model), made with --save_probabilities",
    )
    parser.add_argument(
        "-o", type=Path, required=True, metavar="FOLDER", help="trust.csv, trust.json, and maps of the entropy"
    )
    parser.add_argument(
        "-ref", type=Path, metavar="FOLDER", help="label files, if there are any, to judge the score by"
    )
    parser.add_argument("-djfile", type=Path, metavar="FILE", help="dataset.json (default: that of the first member)")
    parser.add_argument("--temperature", type=Path, metavar="FILE.json", help="what nnUNetv2_cipa calibrate has fitted")
    parser.add_argument("--save_probabilities", action="store_true", help="write the members' mean, in nnU-Net's form")
    add_processes_argument(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier result")


def run(arguments: Namespace) -> None:
    """Read all cases, write the results and list the least trusted cases."""
    temperature = 1.0 if arguments.temperature is None else read_temperature(arguments.temperature)
    members = find_members(arguments.i, arguments.djfile)
    cases = list(members.files)
    references = None if arguments.ref is None else find_references(arguments.ref, cases, members.classes)
    with new_folder(arguments.o, overwrite=arguments.overwrite) as folder:
        (folder / "maps").mkdir()
        if arguments.save_probabilities:
            (folder / "probabilities").mkdir()
        found = read_cases(
            members,
            temperature=temperature,
            references=references,
            maps=folder / "maps",
            probabilities=folder / "probabilities" if arguments.save_probabilities else None,
            num_processes=arguments.np,
        )
        write_csv(folder / "trust.csv", rows(found))
        highest = highest_entropy(members.classes)
        write_json(
            folder / "trust.json",
            content(found, members=arguments.i, temperature=temperature, highest_entropy=highest),
            indent=1,
        )
    print(f"\n{summary(found)}\n\n{arguments.o}")


def read_cases(
    members: Members,
    *,
    temperature: float = 1.0,
    references: References | None = None,
    maps: Path | None = None,
    probabilities: Path | None = None,
    num_processes: int = 1,
) -> list[TrustedCase]:
    """Read all cases of an ensemble; for the arguments see `read_case`.

    Raises:
        InputError: some cannot be read. The message names all.
    """
    read = partial(
        _read_member_files,
        members=members,
        temperature=temperature,
        references=references,
        maps=maps,
        probabilities=probabilities,
    )
    return for_each(
        read,
        list(members.files),
        description="trust",
        failure="cases cannot be read",
        num_processes=num_processes,
    )


def summary(cases: Sequence[TrustedCase]) -> str:
    """The least trusted cases, and what the score is worth where that is known."""
    shown = least_trusted_first(cases)[:_SHOWN]
    width = max(len(case.identifier) for case in shown)
    lines = ["Look at these first (mean Dice between members):"]
    lines += [f"  {case.identifier:<{width}}  {case.score:.3f}" for case in shown]
    curve = curve_of(cases)
    if curve is not None:
        lines += [
            "",
            f"Mean of 1 - Dice over all cases {curve.random_area:.4f}. Area under the risk-coverage curve "
            f"{curve.area:.4f}; a score that knows the errors would have {curve.optimal_area:.4f}, "
            f"one without meaning {curve.random_area:.4f}.",
        ]
    return "\n".join(lines)


def _read_member_files(
    case: str,
    *,
    members: Members,
    temperature: float,
    references: References | None,
    maps: Path | None,
    probabilities: Path | None,
) -> TrustedCase:
    return read_case(
        case,
        members.files[case],
        members.classes,
        temperature=temperature,
        references=references,
        maps=maps,
        probabilities=probabilities,
    )
