import pytest

from nnunetv2_cipa.dataset_conversion.petct_patterns import Key, Pattern
from nnunetv2_cipa.errors import InputError


@pytest.fixture
def folder(tmp_path):
    for name in (
        "A/a1/CT_1.nii.gz",
        "A/a2/CT_2.nii.gz",
        "B/b/CT.nii.gz",
        "B/b/PET.nii.gz",
        "x.CT.nii.gz",
        "deep/A/a1/CT.nii.gz",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{patient}/{id}/CT*.nii.gz", [("a1", "A"), ("a2", "A"), ("b", "B")]),
        ("*/{id}/CT_?.nii.gz", [("a1", ""), ("a2", "")]),
        ("{id}.CT.nii.gz", [("x", "")]),
        ("**/{patient}/{id}/CT.nii.gz", [("b", "B"), ("a1", "A")]),
        ("{id}/{id}/CT.nii.gz", []),
        ("{id}+/CT.nii.gz", []),
    ],
)
def test_patterns(folder, text, expected):
    assert sorted(Pattern(text).files(folder)) == sorted(Key(*pair) for pair in expected)


def test_several_files_of_one_study_are_kept(folder):
    (folder / "A" / "a1" / "CT_other.nii.gz").write_text("")
    assert len(Pattern("A/{id}/CT*").files(folder)[Key("a1", "")]) == 2


def test_an_identifier_is_needed():
    with pytest.raises(InputError, match="id"):
        Pattern("*/CT.nii.gz")
