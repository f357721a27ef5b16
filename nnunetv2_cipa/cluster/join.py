"""`python -m nnunetv2_cipa.cluster.join`: predictions of all parts in one folder."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from nnunetv2_cipa.errors import InputError

_IN_EVERY_PART = {"dataset.json", "plans.json", "predict_from_raw_data_args.json"}


def join(parts: Sequence[Path], folder: Path) -> None:
    """Make a folder of the files of all parts, without copying them: they are linked.

    nnU-Net's own files, which every part has, come from the first one.

    Raises:
        InputError: two parts have a file of the same name.
    """
    folder.mkdir()
    for part in parts:
        for file in sorted(part.iterdir()):
            target = folder / file.name
            if not target.exists():
                os.link(file, target)
            elif file.name not in _IN_EVERY_PART:
                raise InputError(f"{file.name} is in {part} and in another part. Predict them anew.")


def main(argv: Sequence[str] | None = None) -> int:
    """Join the parts that the command line names, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m nnunetv2_cipa.cluster.join")
    parser.add_argument("-i", type=Path, nargs="+", required=True, metavar="FOLDER", help="of a part")
    parser.add_argument("-o", type=Path, required=True, metavar="FOLDER", help="of all, to be made")
    arguments = parser.parse_args(argv)
    try:
        join(arguments.i, arguments.o)
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
