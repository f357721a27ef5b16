"""What the end of a run will need, as far as it can be known already: before hours are spent on what comes before."""

import json

from nnunetv2.utilities.utils import get_identifiers_from_splitted_dataset_folder

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.folds import check_folds
from nnunetv2_cipa.submission.sample import SampleSubmission, empty_mask_of, in_order

from .experiment import Experiment
from .workspace import Workspace, count_cases


def check(workspace: Workspace, experiment: Experiment) -> None:
    """Check a run by what there is now; called again after each stage, it comes to know more.

    Raises:
        InputError: a fold or the test set's cases are not those that are asked for.
    """
    if experiment.sample is not None and (workspace.raw / "dataset.json").is_file():
        check_sample(workspace, experiment.sample)
    if workspace.preprocessed.is_dir():
        check_folds(workspace.preprocessed, experiment.folds)


def check_sample(workspace: Workspace, sample: SampleSubmission) -> None:
    """Make sure that a sample submission has the cases of the test set, which must be in nnU-Net's raw format.

    Raises:
        InputError: there is no test set, or its cases are others (every difference is named), or the sample does not
            tell how empty masks are written.
    """
    if not count_cases(workspace).test:
        raise InputError(f"{workspace.raw} has no test images, so there is nothing to submit. Leave --sample out.")
    ending = json.loads((workspace.raw / "dataset.json").read_text(encoding="utf-8"))["file_ending"]
    cases = get_identifiers_from_splitted_dataset_folder(str(workspace.raw / "imagesTs"), ending)
    in_order(map(str, cases), sample)
    empty_mask_of(sample)
