"""What a run must know of trainers: whether they exist, and how long their schedule is."""

from collections.abc import Sequence
from pathlib import Path

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.model_names import model_name, name_parts
from nnunetv2_cipa.nnunet.plans import PLANNED
from nnunetv2_cipa.nnunet.trainers import find_trainer
from nnunetv2_cipa.timing.measuring import schedule_of_plan
from nnunetv2_cipa.timing.work import Schedule
from nnunetv2_cipa.training.base_trainer import BaseTrainer
from nnunetv2_cipa.training.planned import nnUNetTrainer_planned


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


def schedules_of(trainers: Sequence[str], plans_file: Path) -> dict[str, Schedule]:
    """What is known of each trainer's schedule before training: that of the plan, if it follows that and it is there.

    Trainers of others are taken to have nnU-Net's schedule.
    """
    planned_schedule = schedule_of_plan(plans_file) if plans_file.exists() else Schedule()
    schedules = {}
    for name in trainers:
        trainer = find_trainer(name)
        if issubclass(trainer, nnUNetTrainer_planned):
            schedules[name] = planned_schedule
        elif issubclass(trainer, BaseTrainer):
            iterations = (trainer.iterations_per_epoch, trainer.validation_iterations_per_epoch)
            schedules[name] = Schedule(trainer.epochs, *iterations)
        else:
            schedules[name] = Schedule()
    return schedules
