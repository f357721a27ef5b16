import random

import numpy as np
import pytest
import torch

from nnunetv2_cipa.training.planned import nnUNetTrainer_planned
from nnunetv2_cipa.training.quick import nnUNetTrainer_quick, nnUNetTrainerCIPA_quick
from nnunetv2_cipa.training.seeding import Seeded, seed_this_process


def draw():
    return torch.rand(1).item(), np.random.rand(), random.random()  # noqa: NPY002 - what nnU-Net draws from


class Started:
    """A trainer of nnU-Net's as far as seeding needs it: it draws numbers when training starts."""

    def __init__(self, plans, epoch=0, rank=0):
        self.plans_manager = type("PlansManager", (), {"plans": plans})
        self.current_epoch, self.local_rank = epoch, rank

    def on_train_start(self):
        self.drawn = draw()


class SeededTrainer(Seeded, Started):
    pass


def drawn(*words):
    trainer = SeededTrainer(*words)
    trainer.on_train_start()
    return trainer.drawn


def test_the_plans_seed_decides():
    assert drawn({"seed": 1}) == drawn({"seed": 1})
    one, other = drawn({"seed": 1}), drawn({"seed": 2})
    assert all(mine != theirs for mine, theirs in zip(one, other, strict=True))


def test_a_training_that_goes_on_and_other_gpus_draw_other_numbers():
    assert len({drawn({"seed": 1}), drawn({"seed": 1}, 5), drawn({"seed": 1}, 0, 1)}) == 3


def test_a_plan_without_seed_changes_nothing():
    seed_this_process(7)
    expected = draw()
    seed_this_process(7)
    assert drawn({}) == expected


@pytest.mark.parametrize("trainer", [nnUNetTrainerCIPA_quick, nnUNetTrainer_quick, nnUNetTrainer_planned])
def test_our_trainers_are_seeded(trainer):
    assert issubclass(trainer, Seeded)
