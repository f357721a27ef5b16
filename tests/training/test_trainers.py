"""The trainers that names promise: every combination, its attributes, and processes that know it by name only."""

import inspect
import itertools
import multiprocessing
import pickle
import threading

import pytest

from nnunetv2_cipa.network import VARIANTS
from nnunetv2_cipa.training import trainers
from nnunetv2_cipa.training.nnUNetTrainerCIPA import nnUNetTrainerCIPA
from nnunetv2_cipa.training.planned import nnUNetTrainer_planned
from nnunetv2_cipa.training.quick import nnUNetTrainer_quick

ENCODERS = {"": "tiny", "_small": "small", "_base": "base"}
ABLATIONS = {"": (True, True), "_noCRM": (False, True), "_noDCIM": (True, False), "_noCRMnoDCIM": (False, False)}
SCHEDULES = {
    "": 1000,
    "_quick": 20,
    "_demo": 16,
    "_planned": 1000,
    "_1epoch": 1,
    "_5epochs": 5,
    "_250epochs": 250,
    "_33epochs": 33,
}
NAMES = ["".join(parts) for parts in itertools.product(["nnUNetTrainerCIPA"], ENCODERS, ABLATIONS, SCHEDULES)]


@pytest.mark.parametrize(("encoder", "ablation", "schedule"), list(itertools.product(ENCODERS, ABLATIONS, SCHEDULES)))
def test_every_combination_is_what_its_name_says(encoder, ablation, schedule):
    trainer = getattr(trainers, f"nnUNetTrainerCIPA{encoder}{ablation}{schedule}")
    assert issubclass(trainer, nnUNetTrainerCIPA)
    assert (trainer.variant, trainer.use_crm, trainer.use_dcim) == (ENCODERS[encoder], *ABLATIONS[ablation])
    assert trainer.epochs == SCHEDULES[schedule]
    assert trainer.iterations_per_epoch == {"_quick": 10, "_demo": 20}.get(schedule, 250)
    assert issubclass(trainer, nnUNetTrainer_quick) == (schedule in ("_quick", "_demo"))
    assert issubclass(trainer, nnUNetTrainer_planned) == (schedule == "_planned")
    assert (trainer.initial_lr, trainer.weight_decay) == (1e-3, 1e-2)


@pytest.mark.parametrize("name", NAMES)
def test_classes_are_found_where_they_say_that_they_are(name):
    trainer = getattr(trainers, name)
    assert trainer.__name__ == trainer.__qualname__ == name
    assert pickle.loads(pickle.dumps(trainer)) is trainer
    assert list(inspect.signature(trainer).parameters) == ["plans", "configuration", "fold", "dataset_json", "device"]


@pytest.mark.slow
def test_a_new_process_finds_a_class_that_it_is_sent():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        sent = pool.apply(_described, (trainers.nnUNetTrainerCIPA_base_noCRM_5epochs,))
    assert sent == ("nnUNetTrainerCIPA_base_noCRM_5epochs", "base", False, 5)


def _described(trainer):
    return trainer.__name__, trainer.variant, trainer.use_crm, trainer.epochs


def test_threads_are_given_the_same_class():
    name, found = "nnUNetTrainerCIPA_77epochs", []
    threads = [threading.Thread(target=lambda: found.append(getattr(trainers, name))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


@pytest.mark.parametrize(
    "name",
    [
        *("nnUNetTrainerCIPA_", "nnUNetTrainerCIPA_misspelt", "nnUNetTrainerCIPA_tiny", "nnUNetTrainerCIPA_nocrm"),
        *("nnUNetTrainerCIPA_noCRM_small", "nnUNetTrainerCIPA_noDCIMnoCRM", "nnUNetTrainerCIPA_noCRM_noDCIM"),
        *("nnUNetTrainerCIPA_1epochs", "nnUNetTrainerCIPA_5epoch", "nnUNetTrainerCIPA_0epochs"),
        *("nnUNetTrainerCIPA_05epochs", "nnUNetTrainerCIPA_epochs", "nnUNetTrainerCIPA_quick_5epochs"),
        *("nnUNetTrainer_5epochs", "nnUNetTrainer_quick_planned", "nnUNetTrainerCIPA_5epochs\n"),
    ],
)
def test_names_that_promise_nothing_are_no_attributes(name):
    assert not hasattr(trainers, name)


def test_a_users_subclass_sets_attributes_alone():
    class Own(trainers.nnUNetTrainerCIPA_small_planned):
        initial_lr = 3e-4
        use_crm = False

    assert (Own.variant, Own.use_crm, Own.initial_lr) == ("small", False, 3e-4)


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_every_encoder_has_a_trainer(variant):
    assert getattr(trainers, trainers.trainer_name(variant)).variant == variant
