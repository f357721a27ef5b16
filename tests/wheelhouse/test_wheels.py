import platform
import sys

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.wheelhouse.wheels import Target, _chosen, _file, here, pip

MACHINE = platform.machine()
TARGET = Target("3.11", f"manylinux_2_28_{MACHINE}")


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


def test_what_pip_says_is_told(index):
    with pytest.raises(InputError, match=r"(?s)could not fetch it.*No matching distribution found for nothing"):
        pip("fetch it", "download", "nothing")


def test_success_is_quiet(capfd):
    pip("look", "list")
    assert capfd.readouterr() == ("look ...\n", "")


def item(name, *requires, requested=False, extras=()):
    """An entry of pip's report."""
    url = f"https://index/{name}-1.0%2Bcpu-py3-none-any.whl"
    return {
        "metadata": {"name": name, "version": "1.0+cpu", "requires_dist": list(requires)},
        "download_info": {"url": url, "archive_info": {"hashes": {"sha256": name}}},
        "requested": requested,
        "requested_extras": list(extras),
    }


REPORT = {
    "install": [
        item("Root", "torch", "shared", "own[fast]", requested=True),
        item("torch", "nvidia; sys_platform == 'linux'", "shared"),
        item("nvidia"),
        item("shared"),
        item("own", "quick; extra == 'fast'", "slow; extra == 'other'", "old; python_version < '3.11'"),
        item("quick"),
        item("slow"),
        item("old"),
    ]
}


def names(without):
    return {wheel.name for wheel in _chosen(REPORT, TARGET, without)}


def test_only_what_is_reached_is_chosen():
    assert names([]) == {"root", "torch", "nvidia", "shared", "own", "quick"}


def test_what_only_the_left_out_require_is_left_out():
    assert names(["Torch"]) == {"root", "shared", "own", "quick"}


def test_a_misspelt_name_is_told():
    with pytest.raises(InputError, match="--without trch: the project does not require it"):
        names(["trch"])


def test_file_names_are_decoded():
    assert _file(REPORT["install"][0]) == "Root-1.0+cpu-py3-none-any.whl"


def test_a_pip_that_reports_no_hashes_is_told():
    entry = item("root", requested=True)
    entry["download_info"]["archive_info"] = {}
    with pytest.raises(InputError, match=r"no hash of root.*--upgrade pip"):
        _chosen({"install": [entry]}, TARGET, [])
