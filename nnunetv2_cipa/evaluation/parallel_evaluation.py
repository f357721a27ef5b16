"""Folders of predictions against folders of label files, cases in parallel."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.probabilities import Probabilities
from nnunetv2_cipa.processes import for_each
from nnunetv2_cipa.quantities.free_response import candidates
from nnunetv2_cipa.quantities.lesion_matching import match_components
from nnunetv2_cipa.quantities.surface_dice import surface_agreement

from .cases import Case, pixel_size, volumes
from .evaluation import Evaluation
from .label_folders import LabelFormat, Pair, find_label_format, find_pairs
from .label_images import MaskPair, read_pair
from .lesions import lesions
from .overlap import overlap
from .saved_probabilities import SavedProbabilities, find_saved
from .surface_distances import slice_hausdorff95, surface_distances
from .uptake_of_masks import Uptake, find_pets, find_pets_of, measure_uptake

TOLERANCE_IN_PIXELS, TOLERANCE_IN_MM = 1.0, 2.0


def evaluate_folders(
    reference: Path,
    prediction: Path,
    *,
    foreground: Sequence[int] | None = None,
    dataset_json: Path | None = None,
    patients: Mapping[str, str] | None = None,
    pets: Path | None = None,
    tolerance: float | None = None,
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
        pets: Folder of PET volumes in SUV, for quantities of uptake; by default petTr or petTs beside `reference`, as
            conversions of volumes leave them, if there is one.
        tolerance: Distance up to which borders agree in surface Dice; by default 2 mm, without a spacing 1 pixel.
        allow_missing: Leave out references without a prediction, for the validation folder of one fold.
        num_processes: How many cases are measured at a time. From 2 on, a script that calls this needs the usual
            `if __name__ == "__main__":`.

    Raises:
        InputError: cases are missing or extra, files are unreadable, on different grids, or have values that are no
            labels. The message names every offender.
    """
    format_ = find_label_format(reference, prediction, foreground, dataset_json)
    pairs = find_pairs(reference, prediction, format_.ending, patients=patients, allow_missing=allow_missing)
    pets = pets or find_pets(reference)
    return evaluate_pairs(pairs, format_, pets=pets, tolerance=tolerance, num_processes=num_processes)


def evaluate_pairs(
    pairs: Sequence[Pair],
    label_format: LabelFormat,
    *,
    pets: Path | None = None,
    tolerance: float | None = None,
    num_processes: int = 1,
) -> Evaluation:
    """Measure pairs from wherever they come, such as the validation folders of all folds.

    Args:
        pairs: At least one.
        label_format: Of all of them.
        pets: Folder of PET volumes in SUV; None measures no uptake.
        tolerance: Distance up to which borders agree; by default 2 mm, without a spacing 1 pixel.
        num_processes: How many cases are measured at a time.

    Raises:
        InputError: as for `evaluate_folders`.
    """
    labels = label_format.labels
    if tolerance is not None and tolerance < 0:
        raise InputError(f"Borders cannot agree within {tolerance}: choose a --tolerance from 0 on.")
    pet_of = {} if pets is None else find_pets_of([pair.identifier for pair in pairs], pets)
    measured = for_each(
        partial(
            _read_and_measure, label_format=label_format, saved=find_saved(pairs, label_format), tolerance=tolerance
        ),
        [(pair, pet_of.get(pair.identifier)) for pair in pairs],
        description="evaluate",
        failure="cases cannot be evaluated",
        num_processes=num_processes,
    )
    cases = tuple(case for case, _ in measured)
    if len({(len(case.shape), case.spacing is None) for case in cases}) > 1:
        flat = [case.identifier for case in cases if len(case.shape) == 2]
        raise InputError(f"Slices and volumes cannot be evaluated together. Slices are {', '.join(flat)}.")
    within = _tolerance(tolerance, cases[0].spacing)
    per_label = {
        name: Evaluation(tuple(of_labels[name] for _, of_labels in measured), values, within)
        for name, values in labels.parts
    }
    return Evaluation(cases, labels.foreground, within, per_label)


def measure_case(
    pair: Pair,
    masks: MaskPair,
    *,
    tolerance: float | None = None,
    uptake: Uptake | None = None,
    probability: Probabilities | None = None,
) -> Case:
    """Take all measurements of one case.

    Args:
        pair: Its files.
        masks: Read from them.
        tolerance: Distance up to which borders agree; by default 2 mm, without a spacing 1 pixel.
        uptake: What PET says of both masks.
        probability: Of the foreground, in the shape of the masks; None where it was not saved.
    """
    reference, prediction = masks.reference, masks.prediction
    counts = overlap(reference, prediction, masks.counted)
    found = lesions(reference, prediction)
    matching = match_components(reference, prediction)
    slices = (len(reference), *reference.shape[1:]) if reference.ndim == 3 else (1, *reference.shape)
    hausdorff95 = [
        slice_hausdorff95(*both) for both in zip(reference.reshape(slices), prediction.reshape(slices), strict=True)
    ]
    return Case(
        overlap=counts,
        lesions=found,
        volumes=volumes(counts, found, masks.spacing),
        distances=surface_distances(reference, prediction, masks.spacing),
        surface=surface_agreement(reference, prediction, _tolerance(tolerance, masks.spacing), masks.spacing),
        matches=matching.lesions(pixel_size(masks.spacing)),
        candidates=candidates(matching, probability),
        uptake=uptake,
        slices=len(hausdorff95),
        slice_hausdorff95=sum(hausdorff95) / len(hausdorff95),
        identifier=pair.identifier,
        patient=pair.patient,
        reference_file=str(pair.reference),
        prediction_file=str(pair.prediction),
        shape=reference.shape,
        spacing=masks.spacing,
    )


def _read_and_measure(
    task: tuple[Pair, Path | None],
    label_format: LabelFormat,
    saved: SavedProbabilities | None,
    tolerance: float | None,
) -> tuple[Case, dict[str, Case]]:
    """The case, and the same of each label that is evaluated by itself."""
    pair, pet = task
    labels = label_format.labels
    masks = read_pair(pair.reference, pair.prediction, label_format.reader, labels)
    parts = [(masks, labels.foreground), *((masks.parts[name], values) for name, values in labels.parts)]
    probabilities: Sequence[Probabilities | None] = [None] * len(parts)
    if saved is not None:
        probabilities = saved.read(pair.identifier, masks.reference.shape, [values for _, values in parts])

    def measured(part: MaskPair, values: Sequence[int], probability: Probabilities | None) -> Case:
        uptake = None if pet is None else measure_uptake(pet, pair.reference, pair.prediction, values)
        return measure_case(pair, part, tolerance=tolerance, uptake=uptake, probability=probability)

    case, *of_labels = (measured(*part, found) for part, found in zip(parts, probabilities, strict=True))
    return case, dict(zip((name for name, _ in labels.parts), of_labels, strict=True))


def _tolerance(given: float | None, spacing: Sequence[float] | None) -> float:
    if given is not None:
        return given
    return TOLERANCE_IN_PIXELS if spacing is None else TOLERANCE_IN_MM
