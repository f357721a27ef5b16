"""Label files of cases: which are found, which pixels count, and what is refused."""

import numpy as np
import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.probabilities import Classes
from nnunetv2_cipa.trust.reference import References, find_references

TUMOUR = Classes({"background": 0, "tumour": 1}, None, ".png")
LABELS = np.array([[0, 1, 2], [3, 0, 1]])


class TestFinding:
    def test_only_the_cases_that_are_asked_for_in_their_order(self, tmp_path, truth, write_references):
        folder = write_references(tmp_path / "labels", truth)
        found = find_references(folder, ["c", "a"], TUMOUR)
        assert list(found.files.items()) == [("c", folder / "c.png"), ("a", folder / "a.png")]
        assert found.classes is TUMOUR

    def test_all_that_are_missing_are_named(self, tmp_path, truth, write_references):
        folder = write_references(tmp_path / "labels", {"a": truth["a"]})
        (folder / "b.nii.gz").touch()
        with pytest.raises(InputError, match=r"lacks the label files \(\.png\) of 2 cases:\n    b\n    c$"):
            find_references(folder, ["a", "b", "c"], TUMOUR)

    def test_a_folder_that_is_not_there(self, tmp_path):
        with pytest.raises(InputError, match="absent is not a folder"):
            find_references(tmp_path / "absent", [], TUMOUR)


@pytest.fixture
def references(tmp_path, write_references):
    """A function that makes references of one slice, x, with these values and labels."""

    def make(values, labels, order=None):
        folder = write_references(tmp_path / "labels", {"x": values})
        return References({"x": folder / "x.png"}, Classes(labels, order, ".png"))

    return make


class TestReading:
    def test_a_slice_is_a_volume_of_one(self, references):
        labels, counted = references(LABELS, {"background": 0, "a": 1, "b": 2, "c": 3}).read("x", (1, 2, 3))
        assert labels.tolist() == [LABELS.tolist()]
        assert labels.dtype == np.uint8
        assert counted.tolist() == [[[True] * 3] * 2]

    def test_ignored_pixels_do_not_count(self, references):
        labels, counted = references(LABELS, {"background": 0, "a": 1, "b": 2, "ignore": 3}).read("x", (1, 2, 3))
        assert labels.tolist() == [LABELS.tolist()]
        assert counted.tolist() == [[[True, True, True], [False, True, True]]]

    def test_values_of_regions(self, references):
        labels = {"background": 0, "whole": (1, 2, 3), "core": 3}
        found, _ = references(LABELS, labels, (1, 3)).read("x", (1, 2, 3))
        assert found.tolist() == [LABELS.tolist()]

    def test_other_values_are_named(self, references):
        with pytest.raises(InputError, match=r"x\.png has values that are no labels: 2, 3 \(labels: 0, 1\)"):
            references(LABELS, {"background": 0, "a": 1}).read("x", (1, 2, 3))

    @pytest.mark.parametrize("shape", [(1, 3, 2), (2, 2, 3), (1, 1, 6), (1, 2, 4), (2, 1, 3)])
    def test_another_shape_is_refused(self, references, shape):
        found = references(LABELS % 2, {"background": 0, "tumour": 1})
        with pytest.raises(InputError) as raised:
            found.read("x", shape)
        assert str(raised.value).endswith(f"x.png has the shape (2, 3), its probabilities have {shape}.")

    def test_a_volume(self, tmp_path, write_volume):
        values = np.arange(24).reshape(2, 3, 4) % 2
        write_volume(tmp_path / "v.nii.gz", values, (1.0, 2.0, 3.0))
        found = References({"v": tmp_path / "v.nii.gz"}, Classes({"background": 0, "tumour": 1}, None, ".nii.gz"))
        assert found.read("v", (2, 3, 4))[0].tolist() == values.tolist()
        with pytest.raises(InputError, match=r"has the shape \(2, 3, 4\), its probabilities have \(2, 4, 3\)"):
            found.read("v", (2, 4, 3))

    def test_a_damaged_file_is_named_and_no_other(self, tmp_path, write_references):
        """Also where it is the first one, which nnU-Net chooses its reader by."""
        folder = write_references(tmp_path / "labels", {"a": LABELS % 2, "b": LABELS % 2})
        (folder / "a.png").write_bytes(b"no picture")
        found = References({case: folder / f"{case}.png" for case in "ab"}, TUMOUR)
        with pytest.raises(InputError, match=r"a\.png cannot be read"):
            found.read("a", (1, 2, 3))
        assert found.read("b", (1, 2, 3))[0].tolist() == [(LABELS % 2).tolist()]
