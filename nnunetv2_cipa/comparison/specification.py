"""What the user asks to be compared: from words of the command line to files."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.folders import find_dataset
from nnunetv2_cipa.nnunet.model_folder import find_model, find_training_labels
from nnunetv2_cipa.nnunet.model_names import model_name, name_parts

from .evaluate_models import ModelSource


@dataclass(frozen=True)
class Specification:
    """Models to be compared, and what with.

    Attributes:
        dataset_name: Its name where it was given, else that of the folder around `reference`.
        reference: Folder of label files.
        sources: The models, in the order they were named.
    """

    dataset_name: str
    reference: Path
    sources: tuple[ModelSource, ...]


def specify(
    dataset: str | None,
    trainers: Sequence[str],
    predictions: Sequence[str],
    reference: Path | None,
    *,
    plans: str,
    configuration: str,
    folds: Sequence[str],
) -> Specification:
    """Find the files of what the user names.

    A model that has predictions is compared by them, another one by its cross-validation. A name that is given more
    than once stands for one model that was trained several times.

    Args:
        dataset: Number or name; only models of nnU-Net need it.
        trainers: `[NAME=]TRAINER[__PLANS[__CONFIGURATION]]` each.
        predictions: `NAME=FOLDER` each.
        reference: Folder of label files; by default that of the dataset's training cases.
        plans: Of those trainers that do not say.
        configuration: The same.
        folds: Of all trainers.

    Raises:
        InputError: nothing is named, or something is not there.
    """
    if not (trainers or predictions):
        raise InputError("No model is named. Name models with -tr, or folders of predictions with --predictions.")
    if trainers and dataset is None:
        raise InputError("-tr needs -d, the dataset that was trained on.")
    dataset_name = None if dataset is None else find_dataset(dataset)
    folders = _by_name(map(_named_folder, predictions))
    models = _by_name(_named_model(word, plans, configuration) for word in trainers)
    sources = [
        ModelSource(
            name,
            tuple(find_model(dataset_name or "", model, folds) for model in models.get(name, ())),
            tuple(Path(folder).absolute() for folder in folders.get(name, ())),
        )
        for name in dict.fromkeys([*models, *folders])
    ]
    if reference is None:
        if dataset_name is None or all(source.predictions for source in sources):
            raise InputError("Name the folder of label files, such as labelsTs, with -ref.")
        reference = find_training_labels(dataset_name)
    return Specification(dataset_name or reference.resolve().parent.name, reference.absolute(), tuple(sources))


def _named_folder(word: str) -> tuple[str, str]:
    name, _, folder = word.partition("=")
    if not (name and folder):
        raise InputError(f"--predictions {word}: expected NAME=FOLDER, such as U-Net=predictions/unet.")
    return name, folder


def _named_model(word: str, plans: str, configuration: str) -> tuple[str, str]:
    """Name and `TRAINER__PLANS__CONFIGURATION`."""
    name, equals, model = word.rpartition("=")
    if not model or (equals and not name):
        raise InputError(f"-tr {word}: expected TRAINER or NAME=TRAINER, such as CIPA=nnUNetTrainerCIPA.")
    parts = name_parts(model, fewest=1)
    return name or model, model_name(*parts, *(plans, configuration)[len(parts) - 1 :])


def _by_name(words: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    named: dict[str, list[str]] = {}
    for name, what in words:
        named.setdefault(name, []).append(what)
    return named
