import platform
import sys

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.wheelhouse.target import Target, here

MACHINE = platform.machine()


def test_older_platforms_are_taken_too():
    platforms = Target("3.11", f"manylinux_2_28_{MACHINE}").platforms
    assert platforms[0] == f"manylinux_2_28_{MACHINE}"
    assert platforms.index(f"manylinux_2_17_{MACHINE}") + 1 == platforms.index(f"manylinux2014_{MACHINE}")
    assert platforms[-1] == f"linux_{MACHINE}"
    assert f"manylinux_2_29_{MACHINE}" not in platforms


def test_this_python_by_default():
    assert here().python == f"3.{sys.version_info.minor}"
    assert here().markers["platform_machine"] == MACHINE


@pytest.mark.parametrize(
    ("python", "name", "message"),
    [
        ("3", f"manylinux_2_28_{MACHINE}", "--python 3 is no version"),
        ("3.11.4", f"manylinux_2_28_{MACHINE}", "is no version"),
        ("3.11", "win_amd64", "is no platform"),
        ("3.11", "manylinux2014_x86_64", "is no platform"),
        ("3.11", "manylinux_2_28_riscv64", "Collect the wheels on Linux riscv64"),
    ],
)
def test_other_targets_are_refused(python, name, message):
    with pytest.raises(InputError, match=message):
        Target(python, name)
