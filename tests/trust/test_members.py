"""Which folders are an ensemble."""

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.trust.members import find_members


def test_cases_have_a_file_of_each_member(members):
    found = find_members(members)
    assert list(found.files) == ["a", "b", "c"]
    assert found.files["b"] == tuple(folder / "b.npz" for folder in members)
    assert found.classes.names == ("tumour",)


def test_one_member_is_no_ensemble(members):
    with pytest.raises(InputError, match="at least two"):
        find_members(members[:1])
    with pytest.raises(InputError, match="given twice"):
        find_members([members[0], members[0]])


def test_members_of_other_cases_are_named(members):
    (members[1] / "c.npz").unlink()
    with pytest.raises(InputError, match=r"member0 has 1 cases that others lack: c"):
        find_members(members)


def test_members_of_other_labels_are_refused(members, write_member, tmp_path):
    other = write_member(
        tmp_path / "other", {case: [[0.5]] for case in "abc"}, labels={"background": 0, "x": 1, "y": 2}
    )
    with pytest.raises(InputError, match="other labels"):
        find_members([*members, other])
    assert len(find_members([*members, other], members[0] / "dataset.json").files["a"]) == 4
