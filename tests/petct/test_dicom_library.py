import importlib

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.petct.dicom_library import dicom_library


def test_a_missing_library_is_told_with_the_command_to_install_it(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(InputError, match=r"pip install 'nnunetv2-cipa\[dicom\]'"):
        dicom_library("pydicom")


def test_what_a_library_lacks_itself_is_no_input_error(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name="something else")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ModuleNotFoundError):
        dicom_library("highdicom")
