import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.pipeline.checks import check_sample
from nnunetv2_cipa.submission import SampleSubmission


@pytest.fixture
def with_test_set(workspace):
    """Two cases of two channels."""
    (workspace.raw / "imagesTs").mkdir(parents=True)
    (workspace.raw / "dataset.json").write_text('{"file_ending": ".nii.gz"}')
    for case in ("a_1", "a_2"):
        for channel in ("0000", "0001"):
            (workspace.raw / "imagesTs" / f"{case}_{channel}.nii.gz").touch()
    return workspace


@pytest.fixture
def sample_of(tmp_path):
    def make(*ids):
        return SampleSubmission(tmp_path / "sample.csv", ("id", "rle"), tuple((one, "") for one in ids), 0, 1)

    return make


def test_cases_in_any_order_are_of_the_test_set(with_test_set, sample_of):
    check_sample(with_test_set, sample_of("a_2", "a_1"))


def test_other_cases_are_named(with_test_set, sample_of):
    with pytest.raises(
        InputError, match=r"(?s)does not fit .*sample\.csv.*not here \(1\):\n    b_1\n.*\(1\):\n    a_1"
    ):
        check_sample(with_test_set, sample_of("a_2", "b_1"))


def test_without_test_images_there_is_nothing_to_submit(with_test_set, sample_of):
    for image in (with_test_set.raw / "imagesTs").iterdir():
        image.unlink()
    with pytest.raises(InputError, match="no test images"):
        check_sample(with_test_set, sample_of("a_1"))
