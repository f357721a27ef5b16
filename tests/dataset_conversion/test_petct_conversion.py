import pytest

from nnunetv2_cipa.dataset_conversion import petct_conversion
from nnunetv2_cipa.dataset_conversion.petct_conversion import convert_petct
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.phantom.studies_folder import make_studies


@pytest.fixture
def studies(tmp_path, monkeypatch):
    monkeypatch.setenv("nnUNet_raw", str(tmp_path / "raw"))
    make_studies(tmp_path / "studies", "nifti", 2, 12, (64, 64))
    return tmp_path / "studies"


def test_what_cannot_fit_on_the_disk_is_refused_before_anything_is_written(studies, monkeypatch):
    monkeypatch.setattr(petct_conversion, "LEAST_BYTES_PER_VOXEL", 1e12)
    with pytest.raises(InputError, match=r"GB left, and 2 studies need at least 98304000\.0 GB"):
        convert_petct(studies, num_processes=1)
    assert not (studies.parent / "raw").exists()


def test_wrong_sizes_and_places_are_refused(studies, monkeypatch):
    with pytest.raises(InputError, match=r"--spacing 1 1 0: millimetres above 0"):
        convert_petct(studies, spacing=(1, 1, 0), num_processes=1)
    monkeypatch.setenv("nnUNet_raw", str(studies.parent))
    inside = studies.rename(studies.parent / "Dataset606_PETCT")
    with pytest.raises(InputError, match="exists already"):
        convert_petct(inside, num_processes=1)
    with pytest.raises(InputError, match="lies in the dataset that it is to become"):
        convert_petct(inside, num_processes=1, overwrite=True)


def test_what_was_converted_is_returned(studies):
    conversion = convert_petct(studies, num_processes=1)
    assert conversion.layout == "nifti"
    assert sorted(outcome.subset for outcome in conversion.outcomes) == ["Tr", "Ts"]
    assert "All training cases are of one patient" in conversion.warnings[0]
    assert not list(conversion.folder.parent.glob(".*"))


def test_the_test_set_is_listed_by_names_as_they_are(studies):
    (studies / "0001").rename(studies / "Pat 1")
    (studies / "test.txt").write_text("\n Pat 1 \n\n", encoding="utf-8-sig")
    outcomes = convert_petct(studies, num_processes=1).outcomes
    assert {outcome.name: outcome.subset for outcome in outcomes} == {"0002": "Tr", "Pat_1": "Ts"}
    (studies / "test.txt").write_text("Pat 2\n")
    with pytest.raises(InputError, match=r"test\.txt names Pat 2, but"):
        convert_petct(studies, num_processes=1, overwrite=True)


def test_a_conversion_that_was_interrupted_at_its_very_end_is_finished(studies, monkeypatch):
    def fails(*_):
        raise OSError("No space left on device")

    with monkeypatch.context() as full_disk, pytest.raises(OSError, match="No space"):
        full_disk.setattr(petct_conversion, "write_studies_csv", fails)
        convert_petct(studies, num_processes=1)
    conversion = convert_petct(studies, num_processes=1)
    assert (conversion.folder / "patients.json").is_file()
    assert not list(conversion.folder.parent.glob(".*"))
