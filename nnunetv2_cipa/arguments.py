"""Arguments that several commands take, each declared once."""

import argparse
import re
from pathlib import Path
from typing import TypeAlias

Parser: TypeAlias = "argparse.ArgumentParser | argparse._ArgumentGroup"

DEVICES = ("cpu", "cuda", "mps")

_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600}


def add_device_argument(parser: Parser, help: str = "default here: %(default)s") -> None:
    """Declare `-device`, where networks compute: CUDA if PyTorch finds it, else the processor."""
    import torch

    parser.add_argument("-device", choices=DEVICES, default="cuda" if torch.cuda.is_available() else "cpu", help=help)


def add_processes_argument(parser: Parser, what: str = "cases at a time") -> None:
    """Declare `-np`, by default nnU-Net's number of processes."""
    from nnunetv2.configuration import default_num_processes

    parser.add_argument(
        "-np", type=int, default=default_num_processes, metavar="N", help=f"{what} (default: %(default)s)"
    )


def add_patients_argument(
    parser: Parser,
    default: str = "the dataset's patients.json, else by names",
    what: str = "patient of each case, as {case: patient}",
) -> None:
    """Declare `--patients`, a file in the form of patients.json.

    Args:
        parser: of the command.
        default: where patients come from without it.
        what: the file holds, and what for.
    """
    parser.add_argument("--patients", type=Path, metavar="FILE.json", help=f"{what} (default: {default})")


def duration_argument(text: str) -> float:
    """Seconds of a time such as 9h, 90m, 1.5 h or 600s.

    Raises:
        ArgumentTypeError: it is not such a time, or not positive.
    """
    match = re.fullmatch(rf"(\d+(?:\.\d+)?)\s*({'|'.join(_SECONDS)})", text.strip())
    seconds = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    if not seconds > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 9h, 90m or 600s")
    return seconds


def seconds_argument(text: str) -> float:
    """The same, where a number without unit is one of seconds."""
    return duration_argument(f"{text}s" if text.strip().replace(".", "", 1).isdecimal() else text)
