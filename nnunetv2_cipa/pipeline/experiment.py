"""What a run is to train, the models that come of it, and what nnU-Net chooses among them."""

import json
import re
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.model_names import model_name, name_parts
from nnunetv2_cipa.nnunet.normalizations import Normalization
from nnunetv2_cipa.nnunet.plans import CONFIGURATION_2D, OWN_PLANS, PLANNED, PRESETS
from nnunetv2_cipa.nnunet.trainer_search import find_trainer
from nnunetv2_cipa.submission import SampleSubmission

UNSEEDED = "none"
SubmissionForm = Literal["csv", "png", "nii.gz", "none"]


@dataclass(frozen=True)
class Model:
    """A model as nnU-Net tells it from others, of one configuration. Each seed has its own plans.

    Attributes:
        trainer: class name.
        plans: name of its plans file.
    """

    trainer: str
    plans: str = OWN_PLANS

    @property
    def name(self) -> str:
        """Short name, for steps and folders."""
        return f"{self.competitor}{self.plans.removeprefix(self._unseeded_plans)}"

    @property
    def competitor(self) -> str:
        """What its seeds have in common: TRAINER, or TRAINER__PLANS if the plans are one of nnU-Net's presets."""
        plans = self._unseeded_plans
        return self.trainer if plans == OWN_PLANS else model_name(self.trainer, plans.removesuffix(PLANNED))

    @property
    def _unseeded_plans(self) -> str:
        return re.sub(r"_seed\d+$", "", self.plans)

    @property
    def folder_name(self) -> str:
        """As nnU-Net names the folder of its folds."""
        return model_name(self.trainer, self.plans, CONFIGURATION_2D)


@dataclass(frozen=True)
class Experiment:
    """What is to be trained, and how.

    Attributes:
        trainers: class names, for the plan that fits CIPA; or TRAINER__PLANS, for one of nnU-Net's presets.
        folds: of nnU-Net's cross-validation.
        normalization: of the plan.
        seeds: each trainer is trained with each, on each fold; None seeds nothing.
        labels: that together are the foreground; none means each of the dataset's, and all together.
        patients: file of `{case: patient}`, if the dataset's own or the cases' names do not tell.
        submission: its form; None means the one that fits the data, run lengths of slices or NIfTI of volumes.
        sample: submission whose columns and rows ours is to have, if there is one.
        members: each fold of the best models predicts the test set apart, too, to tell which cases to look at.
        tuned_for: measure for which threshold, smallest lesion and gate are found in the cross-validation and applied,
            instead of nnU-Net's postprocessing; None leaves that.
    """

    trainers: tuple[str, ...]
    folds: tuple[int, ...]
    normalization: Normalization = "stock"
    seeds: tuple[int | None, ...] = (None,)
    labels: tuple[int, ...] = ()
    patients: Path | None = None
    submission: SubmissionForm | None = None
    sample: SampleSubmission | None = None
    members: bool = False
    tuned_for: str | None = None

    @property
    def models(self) -> tuple[Model, ...]:
        """All models, in the order in which nnU-Net chooses among them."""
        unseeded = map(model_named, self.trainers)
        return tuple(Model(m.trainer, plans_of_seed(seed, m.plans)) for m in unseeded for seed in self.seeds)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names of the trainers, each once."""
        return tuple(dict.fromkeys(model.trainer for model in self.models))

    @property
    def plans(self) -> tuple[str, ...]:
        """Names of the models' plans, each once, without seeds."""
        return tuple(dict.fromkeys(model_named(trainer).plans for trainer in self.trainers))

    @property
    def presets(self) -> tuple[str, ...]:
        """nnU-Net's presets that these plans are or are copies of, each once."""
        return tuple(dict.fromkeys(name.removesuffix(PLANNED) for name in self.plans if name != OWN_PLANS))

    @property
    def patients_words(self) -> tuple[str, ...]:
        """The file of patients as commands take it."""
        return () if self.patients is None else ("--patients", str(self.patients))

    @property
    def pairs(self) -> int:
        """How many pairs of models nnU-Net ensembles to choose among them."""
        return len(self.models) * (len(self.models) - 1) // 2


@dataclass(frozen=True)
class BestModel:
    """A model, or two whose predictions are averaged, and how these are postprocessed.

    Attributes:
        models: one or two.
        dice: mean Dice of the cross-validation, after postprocessing.
        postprocessing: nnU-Net's file for it.
        plans: the plans that go with it.
    """

    models: tuple[Model, ...]
    dice: float
    postprocessing: Path
    plans: Path

    def __str__(self) -> str:
        """Names, as they are told to the user."""
        return " and ".join(model.name for model in self.models)


def read_best_model(information: Path) -> BestModel:
    """Read the inference_information.json that nnUNetv2_find_best_configuration writes."""
    best = json.loads(information.read_text(encoding="utf-8"))["best_model_or_ensemble"]
    return BestModel(
        models=tuple(Model(one["trainer"], one["plans_identifier"]) for one in best["selected_model_or_models"]),
        dice=float(best["result_on_crossval_post_pp"]),
        postprocessing=Path(best["postprocessing_file"]),
        plans=Path(best["some_plans_file"]),
    )


def model_named(word: str) -> Model:
    """The model of the word TRAINER or TRAINER__PLANS, without seed.

    On a preset, a trainer that follows the schedule of its plans is given a copy that has one.

    Raises:
        InputError: it is no such word, or the plans are none of nnU-Net's presets.
    """
    trainer, *preset = name_parts(word, fewest=1, most=2)
    if not preset:
        return Model(trainer)
    (plans,) = preset
    if plans not in PRESETS:
        raise InputError(f"{word}: {plans!r} is none of nnU-Net's presets, which are {', '.join(PRESETS)}.")
    return Model(trainer, f"{plans}{PLANNED}" if trainer.endswith(PLANNED) else plans)


def plans_of_seed(seed: int | None, plans: str = OWN_PLANS) -> str:
    """Name of the plans for a seed: the plans themselves without one."""
    return plans if seed is None else f"{plans}_seed{seed}"


def seed_argument(text: str) -> int:
    """A seed of the command line."""
    if not (text.isascii() and text.isdigit()):
        raise ArgumentTypeError(f"{text!r} is not a seed: 0, 1, 2, ...")
    return int(text)


def add_seeds_argument(parser: ArgumentParser) -> None:
    """Declare the seeds of a run."""
    parser.add_argument(
        "--seeds",
        nargs="+",
        type=lambda text: None if text == UNSEEDED else seed_argument(text),
        default=[None],
        metavar="N",
        help=f"train each trainer and fold once with each, such as 0 1 2; {UNSEEDED}, the default, seeds nothing",
    )


def distinct_seeds(seeds: list[int | None]) -> tuple[int | None, ...]:
    """Each once and in order, the training without seed first."""
    return tuple(sorted(set(seeds), key=lambda seed: -1 if seed is None else seed))


def seed_words(seeds: tuple[int | None, ...]) -> tuple[str, ...]:
    """Seeds as the command line has them."""
    return tuple(UNSEEDED if seed is None else str(seed) for seed in seeds)


def planned(word: str) -> str:
    """TRAINER or TRAINER__PLANS with the trainer of the same kind that follows the plan's schedule.

    Raises:
        InputError: there is none.
    """
    trainer, *preset = name_parts(word, fewest=1, most=2)
    name = trainer if trainer.endswith(PLANNED) else f"{trainer}{PLANNED}"
    try:
        (name,) = existing([name])
    except InputError as error:
        raise InputError(
            f"With --time-budget, {word} would have to exist as {name}, which trains as long as the plan says, and "
            "nnU-Net does not find that. Choose nnUNetTrainer, nnUNetTrainerCIPA or a variant of its network, or make "
            "such a trainer from nnunetv2_cipa.training.planned.nnUNetTrainer_planned and yours."
        ) from error
    return model_name(name, *preset)


def existing(trainers: Sequence[str]) -> tuple[str, ...]:
    """The same names, if nnU-Net finds them all.

    Raises:
        InputError: it does not.
    """
    for name in trainers:
        find_trainer(name)
    return tuple(trainers)
