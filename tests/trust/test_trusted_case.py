"""One case of an ensemble, by hand: agreement, entropy, temperature, references, and what is written."""

import math
import pickle

import numpy as np
import pytest
from PIL import Image

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.probabilities import Classes
from nnunetv2_cipa.trust.calibration import reliabilities
from nnunetv2_cipa.trust.reference import References
from nnunetv2_cipa.trust.trusted_case import Judged, TrustedCase, highest_entropy, read_case

TUMOUR = Classes({"background": 0, "tumour": 1}, None, ".png")
TWO = Classes({"background": 0, "tumour": 1, "node": 2}, None, ".png")
REGIONS = Classes({"background": 0, "whole": (1, 2), "core": (2,)}, (1, 2), ".png")
IGNORING = Classes({"background": 0, "tumour": 1, "ignore": 2}, None, ".png")


def bits(*probabilities):
    return -sum(p * math.log2(p) for p in probabilities)


@pytest.fixture
def write(tmp_path):
    """A function that writes probabilities `(channels, H, W)` of x for each member; of foreground alone `(H, W)`."""

    def write_members(*members):
        files = []
        for number, values in enumerate(members):
            values = np.asarray(values, dtype=np.float32)
            values = np.stack([1 - values, values]) if values.ndim == 2 else values
            files.append(tmp_path / f"member{number}" / "x.npz")
            files[-1].parent.mkdir()
            np.savez(files[-1], probabilities=values[:, np.newaxis])
            files[-1].with_suffix(".pkl").write_bytes(pickle.dumps({"spacing": (999, 1, 1), "member": number}))
        return tuple(files)

    return write_members


@pytest.mark.parametrize(("classes", "expected"), [(TUMOUR, 1.0), (TWO, math.log2(3)), (REGIONS, 1.0), (IGNORING, 1.0)])
def test_the_highest_entropy(classes, expected):
    """That of equal probabilities of all labels; a region is in doubt by itself."""
    assert highest_entropy(classes) == pytest.approx(expected)


def test_score_and_dice_are_means_over_classes():
    nothing = reliabilities(np.zeros(0), np.zeros(0, dtype=bool))
    judged = Judged({"a": 0.25, "b": 0.75, "c": 1.0}, nothing)
    assert judged.mean_dice == pytest.approx(2 / 3)
    assert TrustedCase("x", {"a": 0.5, "b": 1.0}, 0.0, 0, judged).score == 0.75


def test_by_hand(write):
    """Both see the first pixel, one sees the second; their mean sees the first and, at 0.55, the second."""
    case = read_case("x", write([[0.9, 0.8, 0.1, 0.0]], [[0.7, 0.3, 0.1, 0.0]]), TUMOUR)
    assert (case.identifier, case.judged) == ("x", None)
    assert case.agreement == {"tumour": pytest.approx(2 * 1 / (2 + 1))}
    assert case.foreground_pixels == 2
    assert case.entropy == pytest.approx((bits(0.8, 0.2) + bits(0.55, 0.45)) / 2, abs=1e-5)


def test_where_no_member_sees_anything_they_agree_and_entropy_is_undefined(write):
    case = read_case("x", write([[0.2, 0.4]], [[0.4, 0.2]]), TUMOUR)
    assert (case.score, case.foreground_pixels) == (1.0, 0)
    assert math.isnan(case.entropy)


def test_several_labels_each_have_an_agreement(write):
    tumour = np.array([[0.0, 0.0], [0.8, 0.8]])
    members = []
    for node in (0.9, 0.1):
        of_node = np.array([[node, 0.0], [0.0, 0.0]])
        members.append(np.stack([1 - tumour - of_node, tumour, of_node]))
    case = read_case("x", write(*members), TWO)
    assert case.agreement == {"tumour": 1, "node": 0}
    assert case.score == 0.5


def test_regions_overlap(write):
    """A pixel has the entropy of its least certain region."""
    whole, core = [[0.9, 0.9, 0.1]], [[0.6, 0.2, 0.1]]
    case = read_case("x", write([whole, core], [whole, core]), REGIONS)
    assert case.agreement == {"whole": 1, "core": 1}
    assert case.foreground_pixels == 2
    assert case.entropy == pytest.approx((bits(0.6, 0.4) + bits(0.2, 0.8)) / 2, abs=1e-5)


def test_a_temperature_is_that_of_each_member_and_leaves_masks(write):
    """At 2 the odds 9 become 3, and 1/9 becomes 1/3; the mean of both is 1/2."""
    files = write([[0.9, 0.9]], [[0.9, 0.1]])
    plain, tempered = (read_case("x", files, TUMOUR, temperature=value) for value in (1.0, 2.0))
    assert plain.entropy == pytest.approx((bits(0.9, 0.1) + 1) / 2, abs=1e-5)
    assert tempered.entropy == pytest.approx((bits(0.75, 0.25) + 1) / 2, abs=1e-5)
    assert plain.agreement == tempered.agreement
    assert plain.foreground_pixels == tempered.foreground_pixels


class TestReference:
    @pytest.fixture
    def judge(self, tmp_path, write, write_references):
        """A function that reads a case of two members alike, with this reference."""

        def read(foreground, labels, classes=TUMOUR, temperature=1.0):
            folder = write_references(tmp_path / "labels", {"x": labels})
            files = write(foreground, foreground)
            references = References({"x": folder / "x.png"}, classes)
            return read_case("x", files, classes, temperature=temperature, references=references).judged

        return read

    def test_by_hand(self, judge):
        judged = judge([[0.9, 0.8, 0.3, 0.001]], [[1, 0, 1, 0]])
        assert judged.dice == {"tumour": 2 * 1 / (2 + 2)}
        everywhere = judged.reliabilities.everywhere
        assert everywhere.pixels.sum() == 4
        assert everywhere.expected_calibration_error == pytest.approx((0.1 + 0.8 + 0.7 + 0.001) / 4, abs=1e-5)
        assert judged.reliabilities.relevant.pixels.sum() == 3

    def test_ignored_pixels_do_not_count(self, judge):
        judged = judge([[0.9, 0.8, 0.3, 0.1]], [[1, 2, 2, 0]], IGNORING)
        assert judged.dice == {"tumour": 1.0}
        assert judged.reliabilities.everywhere.pixels.sum() == 2

    def test_nothing_where_nothing_is_is_right(self, judge):
        assert judge([[0.1, 0.2]], [[0, 0]]).dice == {"tumour": 1.0}

    def test_calibration_knows_of_the_temperature(self, judge):
        """0.9 at a temperature of 2 is 0.75."""
        judged = judge([[0.9]], [[1]], temperature=2.0)
        assert judged.reliabilities.everywhere.expected_calibration_error == pytest.approx(0.25, abs=1e-5)


def test_what_is_asked_for_is_written(tmp_path, write):
    files = write([[0.9, 0.5, 0.0]], [[0.5, 0.5, 0.0]])
    maps, probabilities = tmp_path / "maps", tmp_path / "probabilities"
    maps.mkdir()
    probabilities.mkdir()
    read_case("x", files, TUMOUR, maps=maps, probabilities=probabilities)
    shown = np.asarray(Image.open(maps / "x.png"))
    assert shown.tolist() == [[round(255 * bits(0.7, 0.3)), 255, 0]]
    with np.load(probabilities / "x.npz") as saved:
        assert saved["probabilities"][1, 0] == pytest.approx(np.array([[0.7, 0.5, 0.0]]), abs=1e-6)
    assert pickle.loads((probabilities / "x.pkl").read_bytes())["member"] == 0


@pytest.mark.parametrize("shape", [(2, 3), (1, 1), (1, 3)])
def test_members_of_another_size_are_refused(write, shape):
    """Also where NumPy would repeat the smaller one."""
    files = write(np.full((2, 1), 0.5), np.full(shape, 0.5))
    with pytest.raises(InputError, match=rf"member1.x\.npz has the shape \(2, 1, {shape[0]}, {shape[1]}\), .*member0"):
        read_case("x", files, TUMOUR)
