"""The schedule of planned trainers, on nnU-Net's own loop with a clock that is set by hand and no network."""

from types import SimpleNamespace

import pytest
import torch
from nnunetv2.training.lr_scheduler.polylr import PolyLRScheduler
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.training import planned
from nnunetv2_cipa.training.planned import nnUNetTrainer_planned
from nnunetv2_cipa.training.trainers import nnUNetTrainerCIPA_planned

PLANS = {
    "plans_name": "nnUNetCIPAPlans",
    "configurations": {
        "2d": {
            "num_epochs": 10,
            "num_iterations_per_epoch": 4,
            "num_val_iterations_per_epoch": 1,
            "patch_size": [32, 32],
        }
    },
}


class Clock:
    def __init__(self):
        self.now = 1000.0

    def time(self):
        return self.now

    monotonic = time


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(planned, "time", clock)
    return clock


@pytest.fixture
def new_trainer(monkeypatch, clock):
    """Make a trainer whose epochs take the given seconds, as nnU-Net's loop calls it."""
    nothing = ("on_train_start", "on_train_epoch_start", "on_validation_epoch_start")
    for name in nothing:
        monkeypatch.setattr(nnUNetTrainer, name, lambda self: None)
    for name in ("on_train_epoch_end", "on_validation_epoch_end", "print_to_log_file"):
        monkeypatch.setattr(nnUNetTrainer, name, lambda self, *_: None)
    for name in ("train_step", "validation_step"):
        monkeypatch.setattr(nnUNetTrainer, name, lambda self, batch: {})
    monkeypatch.setattr(nnUNetTrainer, "on_train_end", lambda self: self.log.append("end"))

    def initialize(self, plans, configuration, fold, dataset_json, device):
        self.my_init_kwargs = {"plans": plans, "configuration": configuration}
        self.plans_manager = SimpleNamespace(plans=plans)
        self.is_ddp, self.current_epoch, self.log, self.saved = False, 0, [], []
        self.dataloader_train = self.dataloader_val = iter(int, 1)
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        self.lr_scheduler = PolyLRScheduler(optimizer, 1.0, 10)

    monkeypatch.setattr(nnUNetTrainer, "__init__", initialize)
    monkeypatch.setattr(nnUNetTrainer, "on_epoch_start", lambda self: None)

    def make(seconds, until=None):
        def on_epoch_end(self):
            clock.now += seconds(self.current_epoch) if callable(seconds) else seconds
            self.log.append((self.current_epoch, self.num_epochs))
            if (self.current_epoch + 1) % self.save_every == 0:
                self.saved.append(self.current_epoch)
            self.current_epoch += 1

        monkeypatch.setattr(nnUNetTrainer, "on_epoch_end", on_epoch_end)
        if until is not None:
            monkeypatch.setenv(planned.TRAIN_UNTIL, str(until))
        plans = {**PLANS, "configurations": {"2d": dict(PLANS["configurations"]["2d"])}}
        return nnUNetTrainer_planned(plans, "2d", 0, {}, "cpu")

    return make


def epochs(trainer):
    return [entry[0] for entry in trainer.log if entry != "end"]


def test_the_plan_says_how_long(new_trainer):
    trainer = new_trainer(seconds=5)
    assert (trainer.num_epochs, trainer.num_iterations_per_epoch, trainer.num_val_iterations_per_epoch) == (10, 4, 1)
    trainer.run_training()
    assert epochs(trainer) == list(range(10))
    assert trainer.log[-1] == "end"


def test_in_time_nothing_changes(new_trainer, clock):
    trainer = new_trainer(seconds=5, until=clock.now + 50)
    trainer.run_training()
    assert epochs(trainer) == list(range(10))


@pytest.mark.parametrize("left", [12, 24, 33, 49])
def test_a_slow_training_is_shortened_and_ends_in_time(new_trainer, clock, left):
    until = clock.now + left
    trainer = new_trainer(seconds=5, until=until)
    trainer.run_training()
    assert clock.now <= until
    assert until - clock.now < 5
    assert trainer.log.count("end") == 1
    assert trainer.lr_scheduler.max_steps == trainer.num_epochs == len(epochs(trainer))


def test_a_training_that_becomes_slower_is_shortened_on_the_way(new_trainer, clock):
    until = clock.now + 60
    trainer = new_trainer(seconds=lambda epoch: 5 if epoch < 4 else 15, until=until)
    trainer.run_training()
    assert 4 < len(epochs(trainer)) < 10
    assert clock.now <= until + 15  # it cannot know before


def test_one_epoch_is_trained_in_any_case(new_trainer, clock):
    trainer = new_trainer(seconds=5, until=clock.now - 100)
    trainer.run_training()
    assert epochs(trainer) == [0]
    assert trainer.log[-1] == "end"


def test_a_shortened_schedule_is_kept_in_the_checkpoint(new_trainer, clock, monkeypatch):
    first = new_trainer(seconds=5, until=clock.now + 33)
    first.run_training()
    shortened = first.num_epochs
    assert shortened < 10

    def load(self, checkpoint):
        self.my_init_kwargs, self.current_epoch = checkpoint["init_args"], checkpoint["current_epoch"]

    monkeypatch.setattr(nnUNetTrainer, "load_checkpoint", load)
    resumed = new_trainer(seconds=5, until=clock.now + 1000)
    assert resumed.num_epochs == 10
    resumed.load_checkpoint({"init_args": first.my_init_kwargs, "current_epoch": 2})
    resumed.run_training()
    assert epochs(resumed) == list(range(2, shortened))
    assert resumed.lr_scheduler.max_steps == shortened


def test_a_checkpoint_is_written_every_ten_minutes(new_trainer):
    trainer = new_trainer(seconds=250)
    trainer.run_training()
    assert trainer.saved == [3, 6, 9]


@pytest.mark.parametrize("until", [None, 2000])
def test_a_deadline_is_refused_at_once_where_the_learning_rate_cannot_keep_it(new_trainer, monkeypatch, until):
    trainer = new_trainer(seconds=5, until=until)
    trainer.lr_scheduler = torch.optim.lr_scheduler.ConstantLR(trainer.lr_scheduler.optimizer)
    monkeypatch.setattr(nnUNetTrainer, "initialize", lambda self: None)
    if until is None:
        trainer.initialize()
    else:
        with pytest.raises(InputError, match="ConstantLR, cannot be shortened"):
            trainer.initialize()


@pytest.mark.parametrize("trainer", [nnUNetTrainer_planned, nnUNetTrainerCIPA_planned])
def test_a_plan_without_schedule_is_refused_before_anything_is_made(trainer):
    plans = {"plans_name": "nnUNetPlans", "configurations": {"2d": {"patch_size": [32, 32], "num_epochs": 5}}}
    with pytest.raises(InputError, match="nnUNetPlans, configuration 2d, has no num_iterations_per_epoch"):
        trainer(plans, "2d", 0, {"channel_names": {"0": "CT", "1": "PET"}})
