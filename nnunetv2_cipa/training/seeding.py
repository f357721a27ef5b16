"""Trainings with a seed, where the plan has one: `"seed": 1`, as `nnUNetv2_cipa plan_seed` writes it."""

import random

import numpy as np
import torch


class Seeded:
    """For trainers: the training process draws its random numbers from the plan's seed.

    These are the initial weights, DropPath and whatever else is drawn in this process; nnU-Net's augmentation only with
    nnUNet_n_proc_DA=0, as its workers choose seeds of their own. A training that goes on draws other numbers than it
    began with, so that none are repeated, and so does each process of several GPUs. Without a seed nothing is changed.
    """

    def on_train_start(self) -> None:
        """Seed, before nnU-Net builds the network and begins to load data."""
        seed: int | None = self.plans_manager.plans.get("seed")  # type: ignore[attr-defined]  # that of the trainer
        if seed is not None:
            seed_this_process(seed, self.current_epoch, self.local_rank)  # type: ignore[attr-defined]
        super().on_train_start()  # type: ignore[misc]


def seed_this_process(*numbers: int) -> None:
    """Seed torch (all devices), NumPy and Python's `random` by some numbers, none of them negative."""
    state = int(np.random.SeedSequence(numbers).generate_state(1)[0])
    torch.manual_seed(state)
    np.random.seed(state)  # noqa: NPY002 - what nnU-Net draws from
    random.seed(state)
