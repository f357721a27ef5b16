"""The module that nnU-Net finds: our trainers by name, and nothing for anybody else's."""

import importlib.util
import inspect
import pkgutil
import sys
from pathlib import Path

import pytest
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

import nnunetv2_cipa
from nnunetv2_cipa import training

PATH = Path(nnunetv2_cipa.__path__[0]) / "ext_trainer" / "nnunetv2_cipa_trainers.py"


def trainers():
    """Every trainer class defined anywhere in the training package."""
    for found in pkgutil.iter_modules(training.__path__, f"{training.__name__}."):
        for _, kind in inspect.getmembers(importlib.import_module(found.name), inspect.isclass):
            if issubclass(kind, nnUNetTrainer) and kind.__module__ == found.name:
                yield kind


@pytest.fixture
def module():
    """Imported under its bare name, as nnU-Net does, and not kept."""
    spec = importlib.util.spec_from_file_location(PATH.stem, PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("trainer", list(trainers()), ids=lambda trainer: trainer.__name__)
def test_every_trainer_is_found_as_the_installed_class(module, trainer):
    assert getattr(module, trainer.__name__) is trainer


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
    monkeypatch.setitem(sys.modules, module.MODULES[0], None)
    with pytest.raises(ImportError, match="nnUNetTrainerCIPA"):
        module.nnUNetTrainerCIPA  # noqa: B018
