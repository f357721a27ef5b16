"""What is said of patients where no file names them."""

from pathlib import Path

from nnunetv2_cipa.nnunet.patients import REMEDY, doubts

from .evaluation import Evaluation


def remark_on_patients(evaluation: Evaluation, file: Path | None) -> str:
    """What is to be said of patients that were read from names, nothing where a file names them."""
    if file is not None:
        return ""
    doubtful = doubts({case.identifier: case.patient for case in evaluation.cases})
    return "\n".join(doubtful) or f"Patients were read from the names of the cases. {REMEDY}"
