import math

import pytest
import torch
from nnunetv2.training.lr_scheduler.polylr import PolyLRScheduler

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.network import CIPA
from nnunetv2_cipa.training.optimization import CosineSchedule, parameter_groups, require_shortenable, shorten


@pytest.fixture(scope="module")
def network():
    with torch.device("meta"):
        return CIPA((32, 32))


def test_every_parameter_is_in_one_group(network):
    decayed, undecayed = parameter_groups(network, weight_decay=0.01)
    ids = [id(parameter) for group in (decayed, undecayed) for parameter in group["params"]]
    assert sorted(ids) == sorted(id(parameter) for parameter in network.parameters())
    assert (decayed["weight_decay"], undecayed["weight_decay"]) == (0.01, 0.0)


def test_norms_biases_scales_and_state_space_parameters_are_not_decayed(network):
    decayed, undecayed = parameter_groups(network, weight_decay=0.01)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    undecayed_leaves = {names[id(parameter)].rsplit(".", 1)[-1] for parameter in undecayed["params"]}
    decayed_leaves = {names[id(parameter)].rsplit(".", 1)[-1] for parameter in decayed["params"]}
    assert undecayed_leaves == {"weight", "bias", "A_log", "D", "delta_bias", "scan_scale", "attention_scale"}
    assert decayed_leaves == {"weight", "projection_weight", "delta_weight"}
    assert all(parameter.ndim > 1 for parameter in decayed["params"])
    norms = [names[id(p)] for p in undecayed["params"] if names[id(p)].endswith(".weight")]
    assert all("norm" in name or "convolutions" in name for name in norms)  # DCIM's batch norms have numbers for names


def test_cosine_depends_on_the_epoch_alone():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([parameter], lr=1.0)
    schedule = CosineSchedule(optimizer, initial_lr=1e-3, max_steps=10)
    assert optimizer.param_groups[0]["lr"] == 1e-3
    for epoch in (7, 0, 5, 9):
        schedule.step(epoch)
        expected = 1e-3 * (1 + math.cos(math.pi * epoch / 10)) / 2
        assert optimizer.param_groups[0]["lr"] == pytest.approx(expected)
        assert schedule.get_last_lr() == [pytest.approx(expected)]


@pytest.fixture
def optimizer():
    return torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1.0)


@pytest.mark.parametrize("kind", [CosineSchedule, PolyLRScheduler])
def test_a_shortened_schedule_is_that_of_the_shorter_training(optimizer, kind):
    schedule = kind(optimizer, 1e-2, 100)
    schedule.step(3)
    shorten(schedule, 8)
    expected = kind(torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1.0), 1e-2, 8)
    for epoch in (4, 7):
        schedule.step(epoch)
        expected.step(epoch)
        assert schedule.get_last_lr() == expected.get_last_lr()


def test_a_schedule_of_the_users_own_can_be_shortened(optimizer):
    class Own(torch.optim.lr_scheduler.LRScheduler):
        def step(self, epoch=None):
            self.rate = 1 / self.length if epoch else 0.0

        def shorten(self, max_steps):
            self.length = max_steps

    schedule = Own(optimizer)
    shorten(schedule, 4)
    schedule.step(1)
    assert schedule.rate == 0.25


def test_schedules_that_would_not_change_are_refused(optimizer):
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    for ask in (require_shortenable, lambda schedule: shorten(schedule, 5)):
        with pytest.raises(InputError, match=r"CosineAnnealingLR, cannot be shortened.*shorten\(max_steps\)"):
            ask(cosine)
    assert not hasattr(cosine, "max_steps")
