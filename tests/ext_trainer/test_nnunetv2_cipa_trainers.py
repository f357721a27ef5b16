"""The module that nnU-Net finds: our trainers by name, and nothing for anybody else's."""

import importlib.util
import sys
from pathlib import Path

import pytest

import nnunetv2_cipa

PATH = Path(nnunetv2_cipa.__path__[0]) / "ext_trainer" / "nnunetv2_cipa_trainers.py"
trainers = importlib.import_module("nnunetv2_cipa.training.nnUNetTrainerCIPA")
OURS = sorted(name for name in vars(trainers) if name.startswith("nnUNetTrainerCIPA"))


@pytest.fixture
def module():
    """Imported under its bare name, as nnU-Net does, and not kept."""
    spec = importlib.util.spec_from_file_location(PATH.stem, PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", OURS)
def test_every_trainer_is_the_installed_class(module, name):
    assert getattr(module, name) is getattr(trainers, name)


@pytest.mark.parametrize("name", ["nnUNetTrainer", "nnUNetTrainer_of_somebody", "nnUNetTrainerCIPA_misspelt"])
def test_other_names_are_not_found(module, name):
    assert not hasattr(module, name)


def test_other_names_import_nothing_of_ours(module, monkeypatch):
    monkeypatch.delitem(sys.modules, trainers.__name__)
    assert not hasattr(module, "nnUNetTrainer_of_somebody")
    assert trainers.__name__ not in sys.modules


def test_not_found_where_the_package_is_missing(module, monkeypatch):
    """An environment without the package inherits the folder from one that has it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not hasattr(module, "nnUNetTrainerCIPA")


def test_a_trainer_that_cannot_be_imported_says_why(module, monkeypatch):
    monkeypatch.setitem(sys.modules, trainers.__name__, None)
    with pytest.raises(ImportError, match="nnUNetTrainerCIPA"):
        module.nnUNetTrainerCIPA  # noqa: B018
