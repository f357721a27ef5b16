"""pydicom and highdicom, which only those need who read or write DICOM (`pip install nnunetv2-cipa[dicom]`)."""

import importlib
import logging
import warnings
from typing import Any, Literal

from nnunetv2_cipa.errors import InputError


def dicom_library(name: Literal["pydicom", "highdicom"]) -> Any:  # noqa: ANN401 - a module
    """The module of this name.

    Raises:
        InputError: it is not installed.
    """
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise InputError(f"DICOM needs {name}: pip install 'nnunetv2-cipa[dicom]'") from error
    # Their remarks about odd but legible values come once a file; what matters is checked here.
    logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=name)
    return module
