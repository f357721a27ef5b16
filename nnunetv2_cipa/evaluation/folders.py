"""Folders of predictions against folders of label files, cases in parallel."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.processes import for_each

from .cases import Case, volumes
from .evaluation import Evaluation
from .label_folders import LabelFormat, Pair, find_label_format, find_pairs
from .label_images import MaskPair, read_pair
from .lesions import lesions
from .overlap import overlap
from .surface_distances import slice_hausdorff95, surface_distances


def evaluate_folders(
    reference: Path,
    prediction: Path,
    *,
    foreground: Sequence[int] | None = None,
    dataset_json: Path | None = None,
    patients: Mapping[str, str] | None = None,
    allow_missing: bool = False,
    num_processes: int = 1,
) -> Evaluation:
    """Measure every prediction of a folder against the label file of the same name.

    Args:
        reference: Folder of label files, in any format that nnU-Net reads.
        prediction: Folder of predictions in the same format.
        foreground: Label values that together are the foreground; by default all of the dataset's, and if these are
            several, each by itself too. Without a dataset.json 1.
        dataset_json: The dataset's; by default the one in `prediction`, else the one beside `reference`.
        patients: Patient of each case; by default what patients.json beside the dataset.json of `reference` says, and
            without that file what the names of all references do.
        allow_missing: Leave out references without a prediction, for the validation folder of one fold.
        num_processes: How many cases are measured at a time. From 2 on, a script that calls this needs the usual
            `if __name__ == "__main__":`.

    Raises:
        InputError: cases are missing or extra, files are unreadable, on different grids, or have values that are no
            labels. The message names every offender.
    """
    format_ = find_label_format(reference, prediction, foreground, dataset_json)
    pairs = find_pairs(reference, prediction, format_.ending, patients=patients, allow_missing=allow_missing)
    return evaluate_pairs(pairs, format_, num_processes=num_processes)


def evaluate_pairs(pairs: Sequence[Pair], label_format: LabelFormat, *, num_processes: int = 1) -> Evaluation:
    """Measure pairs from wherever they come, such as the validation folders of all folds.

    Raises:
        InputError: as for `evaluate_folders`.
    """
    labels = label_format.labels
    measured = for_each(
        partial(_read_and_measure, label_format=label_format),
        pairs,
        description="evaluate",
        failure="cases cannot be evaluated",
        num_processes=num_processes,
    )
    cases = tuple(case for case, _ in measured)
    if len({(len(case.shape), case.spacing is None) for case in cases}) > 1:
        flat = [case.identifier for case in cases if len(case.shape) == 2]
        raise InputError(f"Slices and volumes cannot be evaluated together. Slices are {', '.join(flat)}.")
    per_label = {
        name: Evaluation(tuple(of_labels[name] for _, of_labels in measured), values) for name, values in labels.parts
    }
    return Evaluation(cases, labels.foreground, per_label)


def measure_case(pair: Pair, masks: MaskPair) -> Case:
    """Take all measurements of one case."""
    reference, prediction = masks.reference, masks.prediction
    counts = overlap(reference, prediction, masks.counted)
    found = lesions(reference, prediction)
    slices = (len(reference), *reference.shape[1:]) if reference.ndim == 3 else (1, *reference.shape)
    hausdorff95 = [
        slice_hausdorff95(*both) for both in zip(reference.reshape(slices), prediction.reshape(slices), strict=True)
    ]
    return Case(
        overlap=counts,
        lesions=found,
        volumes=volumes(counts, found, masks.spacing),
        distances=surface_distances(reference, prediction, masks.spacing),
        identifier=pair.identifier,
        patient=pair.patient,
        reference_file=str(pair.reference),
        prediction_file=str(pair.prediction),
        shape=reference.shape,
        spacing=masks.spacing,
        slices=len(hausdorff95),
        slice_hausdorff95=sum(hausdorff95) / len(hausdorff95),
    )


def _read_and_measure(pair: Pair, label_format: LabelFormat) -> tuple[Case, dict[str, Case]]:
    """The case, and the same of each label that is evaluated by itself."""
    masks = read_pair(pair.reference, pair.prediction, label_format.reader, label_format.labels)
    return measure_case(pair, masks), {name: measure_case(pair, part) for name, part in masks.parts.items()}
