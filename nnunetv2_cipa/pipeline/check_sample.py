"""Whether a sample submission is of this dataset: to be known before hours are spent on it."""

import json

from nnunetv2.utilities.utils import get_identifiers_from_splitted_dataset_folder

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.submission.sample import Sample, in_order

from .workspace import Workspace


def check_sample(workspace: Workspace, sample: Sample) -> None:
    """Make sure that a sample submission has the cases of the test set, which must be in nnU-Net's raw format.

    Raises:
        InputError: there is no test set, or its cases are others; every difference is named.
    """
    if not workspace.has_test_images:
        raise InputError(f"{workspace.raw} has no test images, so there is nothing to submit. Leave --sample out.")
    ending = json.loads((workspace.raw / "dataset.json").read_text(encoding="utf-8"))["file_ending"]
    cases = get_identifiers_from_splitted_dataset_folder(str(workspace.raw / "imagesTs"), ending)
    in_order(map(str, cases), sample)
