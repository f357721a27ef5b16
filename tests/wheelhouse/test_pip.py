import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.wheelhouse.pip import pip


def test_what_pip_says_is_told(index):
    with pytest.raises(InputError, match=r"(?s)could not fetch it.*No matching distribution found for nothing"):
        pip("fetch it", "download", "nothing")


def test_success_is_quiet(capfd):
    pip("look", "list")
    assert capfd.readouterr() == ("look ...\n", "")
