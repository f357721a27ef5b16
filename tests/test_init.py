"""The package's public names."""

import subprocess
import sys

import pytest

import nnunetv2_cipa
from nnunetv2_cipa.network.cipa import CIPA


@pytest.mark.parametrize("name", nnunetv2_cipa.__all__)
def test_every_public_name_is_there(name):
    assert getattr(nnunetv2_cipa, name).__name__ == name
    assert name in dir(nnunetv2_cipa)


def test_public_names_are_the_modules_own():
    assert nnunetv2_cipa.CIPA is CIPA


def test_other_names_are_refused_as_usual():
    with pytest.raises(AttributeError, match="module 'nnunetv2_cipa' has no attribute 'cipa_net'"):
        nnunetv2_cipa.cipa_net  # noqa: B018


def test_importing_the_package_imports_no_library():
    code = "import sys, nnunetv2_cipa; print({'torch', 'numpy', 'nnunetv2'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"
