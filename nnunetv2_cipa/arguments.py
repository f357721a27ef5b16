"""Arguments that several commands take, each declared once."""

import argparse
from pathlib import Path
from typing import TypeAlias

Parser: TypeAlias = "argparse.ArgumentParser | argparse._ArgumentGroup"

DEVICES = ("cpu", "cuda", "mps")


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
