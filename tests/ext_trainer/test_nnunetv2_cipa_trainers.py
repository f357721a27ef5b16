"""The module that nnU-Net finds: our trainers by name, and nothing for anybody else's."""

import importlib.util
import pickle
import sys
from pathlib import Path

import pytest
from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name

import nnunetv2_cipa
from nnunetv2_cipa.training import trainers

NAMES = [
    *("nnUNetTrainerCIPA", "nnUNetTrainerCIPA_base", "nnUNetTrainerCIPA_noCRMnoDCIM", "nnUNetTrainerCIPA_250epochs"),
    *("nnUNetTrainerCIPA_small_noCRM_50epochs", "nnUNetTrainerCIPA_small_quick", "nnUNetTrainerCIPA_noDCIM_planned"),
    *("nnUNetTrainer_quick", "nnUNetTrainer_demo", "nnUNetTrainer_planned"),
]
PATH = Path(nnunetv2_cipa.__path__[0]) / "ext_trainer" / "nnunetv2_cipa_trainers.py"


@pytest.fixture
def module():
    """Imported under its bare name, as nnU-Net does, and not kept."""
    spec = importlib.util.spec_from_file_location(PATH.stem, PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_every_trainer_is_found_as_the_installed_class(module, name):
    assert getattr(module, name) is getattr(trainers, name)


@pytest.mark.parametrize("name", NAMES)
def test_nnunets_own_search_finds_it(name):
    trainer = recursive_find_trainer_class_by_name(name)
    assert trainer is getattr(trainers, name)
    assert pickle.loads(pickle.dumps(trainer)) is trainer


@pytest.mark.parametrize("name", ["nnUNetTrainerCIPA_misspelt", "nnUNetTrainerCIPA_smal_quick", "nnUNetTrainer_quik"])
def test_misspelt_names_end_in_nnunets_own_error(name):
    with pytest.raises(RuntimeError, match=f"Could not find requested nnunet trainer {name}"):
        recursive_find_trainer_class_by_name(name)


@pytest.mark.parametrize("name", ["nnUNetTrainer", "nnUNetTrainer_of_somebody", "nnUNetTrainerCIPA_misspelt"])
def test_other_names_are_not_found(module, name):
    assert not hasattr(module, name)


def test_other_names_import_nothing_of_ours(module, monkeypatch):
    monkeypatch.setattr(importlib, "import_module", lambda name: pytest.fail(f"{name} was imported"))
    assert not hasattr(module, "nnUNetTrainer_of_somebody")


def test_not_found_where_the_package_is_missing(module, monkeypatch):
    """An environment without the package inherits the folder from one that has it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not hasattr(module, "nnUNetTrainerCIPA")


def test_a_trainer_that_cannot_be_imported_says_why(module, monkeypatch):
    monkeypatch.setitem(sys.modules, module.TRAINERS, None)
    with pytest.raises(ImportError, match=r"training\.trainers"):
        module.nnUNetTrainerCIPA  # noqa: B018
