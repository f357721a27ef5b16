"""`nnUNetv2_cipa COMMAND ...`: one entry point; each command lives in its own module and is imported when called."""

import argparse
import errno
import importlib
import os
import select
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO

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
    "convert_PETCT": Command(
        "nnunetv2_cipa.dataset_conversion.PETCT", "bring PET-CT studies (DICOM or NIfTI) into nnU-Net's raw format"
    ),
    "make_phantom": Command(
        "nnunetv2_cipa.phantom.pclt20k_folder", "make synthetic PET-CT data, as PCLT20K's slices, NIfTI or DICOM"
    ),
    "plan": Command("nnunetv2_cipa.planning.plan", "fit nnU-Net's plan to CIPA, this machine and a time budget"),
    "plan_folds": Command("nnunetv2_cipa.planning.plan_folds", "make folds that keep the cases of a patient together"),
    "plan_schedule": Command("nnunetv2_cipa.planning.schedules", "copy nnU-Net's own plans, with a plan's schedule"),
    "plan_seed": Command("nnunetv2_cipa.planning.seeds", "copy a plan, to train the same model with another seed"),
    "run": Command("nnunetv2_cipa.pipeline.run", "from data to the best model, its predictions and a submission"),
    "find_best": Command("nnunetv2_cipa.pipeline.find_best", "have nnU-Net choose the best of any models, or pair"),
    "demo": Command("nnunetv2_cipa.pipeline.demo", "compare CIPA with nnU-Net's own U-Net, from data to picture"),
    "import_weights": Command(
        "nnunetv2_cipa.weights.import_weights", "make published weights ready for nnU-Net's prediction or training"
    ),
    "export_weights": Command("nnunetv2_cipa.weights.export_weights", "bring a trained CIPA into the published layout"),
    "segment": Command(
        "nnunetv2_cipa.segmentation.segment", "segment a PET-CT study (DICOM or NIfTI) and measure its lesions"
    ),
    "wheelhouse": Command(
        "nnunetv2_cipa.wheelhouse.collect", "collect all wheels for a machine without network access"
    ),
    "evaluate": Command("nnunetv2_cipa.evaluation.evaluate", "evaluate predictions against label files"),
    "compare": Command(
        "nnunetv2_cipa.comparison.compare", "set models side by side: measures, differences, costs, training curves"
    ),
    "quantify": Command(
        "nnunetv2_cipa.quantities.quantify_files", "read uptake, volume and glycolysis of lesions from PET and masks"
    ),
    "trust": Command("nnunetv2_cipa.trust.trust", "list the predictions of an ensemble that a human should look at"),
    "calibrate": Command("nnunetv2_cipa.trust.calibrate", "fit the temperature of a model's probabilities"),
    "determine_postprocessing": Command(
        "nnunetv2_cipa.postprocessing.determine_postprocessing",
        "find the threshold, smallest lesion and gate that are best in a cross-validation",
    ),
    "apply_postprocessing": Command(
        "nnunetv2_cipa.postprocessing.apply_postprocessing", "make label files of probabilities by such a rule"
    ),
    "report": Command("nnunetv2_cipa.report.report", "show a comparison, every case included, as an HTML page"),
    "submission": Command("nnunetv2_cipa.submission.submit", "write predictions in the form that a challenge takes"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 bad input (one message on stderr), 2 bad usage.

    What the system refuses, such as a folder that cannot be written to or a full disk, is bad input too. If whatever
    reads the output has stopped, as `head` does, so does the command, without a word and with exit code 1.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    chosen = words[0] if words else None
    try:
        try:
            arguments = _parser(chosen).parse_args(words)
            arguments.run(arguments)
        finally:
            print(end="", flush=True)
    except InputError as error:
        print(f"nnUNetv2_cipa {chosen}: {error}", file=sys.stderr)
    except OSError as error:
        if not (isinstance(error, BrokenPipeError) and _silence_unread_output()):
            print(f"nnUNetv2_cipa {chosen}: {_in_words(error)}", file=sys.stderr)
    else:
        return 0
    return 1


_REMEDIES = {
    errno.EACCES: "Change its permissions, or choose another place.",
    errno.EPERM: "Change its permissions, or choose another place.",
    errno.EROFS: "Choose another place.",
    errno.ENOSPC: "Free some space, or choose another place.",
    errno.EDQUOT: "Free some space, or choose another place.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
    errno.EEXIST: "A folder is needed there: choose another place.",
    errno.ENOTDIR: "A folder is needed there: choose another place.",
    errno.EISDIR: "A file is needed there: choose another place.",
}


def _in_words(error: OSError) -> str:
    """One line: the path, what the system says, and what to do."""
    if error.errno is None or error.strerror is None:
        return " ".join(str(error).split())
    paths = " to ".join(str(path) for path in (error.filename, error.filename2) if path is not None)
    what = f"{paths}: {error.strerror}." if paths else f"{error.strerror}."
    remedy = _REMEDIES.get(error.errno)
    return f"{what} {remedy}" if remedy else what


def _silence_unread_output() -> bool:
    """Discard what is left for an output that nobody reads any more, if there is such a one.

    Otherwise Python would complain about it when it ends.
    """
    unread = [stream for stream in (sys.stdout, sys.stderr) if _is_unread(stream)]
    for stream in unread:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return bool(unread)


def _is_unread(stream: TextIO) -> bool:
    """Whether a stream writes into a pipe that has been closed at its other end."""
    try:
        file = stream.fileno()
    except (AttributeError, OSError, ValueError):  # closed from the start, or no file, as under a test
        return False
    poll = select.poll()
    poll.register(file, 0)
    return bool(poll.poll(0))


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
