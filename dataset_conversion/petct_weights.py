"""Body weights that headers lack, from a table."""

import csv
import math
from pathlib import Path

from nnunetv2_cipa.errors import InputError


def read_weights(path: Path) -> dict[str, float]:
    """Body weights in kg by PatientID, from a CSV file of two columns, with or without a line of names.

    Raises:
        InputError: it cannot be read, or a weight is no number above 0.
    """
    try:
        rows = [row for row in csv.reader(path.read_text(encoding="utf-8-sig").splitlines()) if any(row)]
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    weights: dict[str, float] = {}
    for number, row in enumerate(rows):
        try:
            identity, kilograms = row[0].strip(), float(row[1])
        except (IndexError, ValueError) as error:
            if number == 0:
                continue  # the columns' names
            raise InputError(f"{path}: {','.join(row)!r} is not PatientID,kg.") from error
        if not 0 < kilograms < math.inf:
            raise InputError(f"{path}: {kilograms:g} kg for {identity} is no weight.")
        weights[identity] = kilograms
    return weights
