"""`nnUNetv2_cipa COMMAND ...`: one entry point; each command lives in its own module and is imported when called."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from nnunetv2_cipa import __version__
from nnunetv2_cipa.errors import InputError


@dataclass(frozen=True)
class Command:
    """Where a command lives: a module with `add_arguments(parser)` and `run(arguments)`, and its line in --help."""

    module: str
    help: str


COMMANDS: dict[str, Command] = {
    "doctor": Command("nnunetv2_cipa.doctor", "show what is installed, what will be used, and what is wrong"),
    "convert_PCLT20K": Command(
        "nnunetv2_cipa.dataset_conversion.Dataset605_PCLT20K", "bring a PCLT20K folder into nnU-Net's raw format"
    ),
    "make_phantom": Command("nnunetv2_cipa.phantom.pclt20k_folder", "make synthetic PET-CT data in PCLT20K's layout"),
    "plan": Command("nnunetv2_cipa.planning.plan", "fit nnU-Net's plan to CIPA, this machine and a time budget"),
    "plan_folds": Command("nnunetv2_cipa.planning.folds", "make folds that keep the cases of a patient together"),
    "plan_seed": Command("nnunetv2_cipa.planning.seeds", "copy a plan, to train the same model with another seed"),
    "run": Command("nnunetv2_cipa.pipeline.run", "from data to the best model, its predictions and a submission"),
    "demo": Command("nnunetv2_cipa.pipeline.demo", "compare CIPA with nnU-Net's own U-Net, from data to picture"),
    "import_weights": Command(
        "nnunetv2_cipa.weights.import_weights", "make published weights ready for nnU-Net's prediction or training"
    ),
    "export_weights": Command("nnunetv2_cipa.weights.export_weights", "bring a trained CIPA into the published layout"),
    "wheelhouse": Command(
        "nnunetv2_cipa.wheelhouse.collect", "collect all wheels for a machine without network access"
    ),
    "evaluate": Command("nnunetv2_cipa.evaluation.evaluate", "measure predictions against label files"),
    "compare": Command(
        "nnunetv2_cipa.comparison.compare", "set models side by side: measures, differences, costs, training curves"
    ),
    "report": Command("nnunetv2_cipa.report.report", "show a comparison, every case included, as an HTML page"),
    "submission": Command("nnunetv2_cipa.submission.submit", "write predictions in the form that a challenge takes"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 bad input (one message on stderr), 2 bad usage."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser = _parser(chosen=words[0] if words else None)
    arguments = parser.parse_args(words)
    try:
        arguments.run(arguments)
    except InputError as error:
        print(f"nnUNetv2_cipa {arguments.command}: {error}", file=sys.stderr)
        return 1
    return 0


def _parser(chosen: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nnUNetv2_cipa", description="CIPA for nnU-Net v2.")
    parser.add_argument("--version", action="version", version=f"nnunetv2-cipa {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        subparser = commands.add_parser(name, help=command.help, description=command.help)
        if name == chosen:
            module = importlib.import_module(command.module)
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
