import platform

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.wheelhouse.resolve import _chosen, _file
from nnunetv2_cipa.wheelhouse.target import Target

TARGET = Target("3.11", f"manylinux_2_28_{platform.machine()}")


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
