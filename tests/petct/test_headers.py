import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.petct.headers import read_folder, read_header

pydicom = pytest.importorskip("pydicom")


def test_values_are_plain_and_private_ones_found(study, edit):
    path = study / "PET" / "IM00001"
    dataset = pydicom.dcmread(path)
    dataset.private_block(0x7053, "Philips PET Private Group", create=True).add_new(0x00, "DS", "0.00072")
    dataset.private_block(0x0009, "OTHER VENDOR", create=True).add_new(0x01, "LO", "in the way")
    dataset.private_block(0x0009, "GEMS_PETD_01", create=True).add_new(0x0D, "DT", "20240305235330.00")
    dataset.save_as(path)
    values = read_header(path).values
    assert values["PhilipsSUVScaleFactor"] == "0.00072"
    assert values["GEScanDateTime"] == "20240305235330.00"
    assert values["Units"] == "BQML"
    assert values["CorrectedImage"] == ("NORM", "DTIM", "ATTN", "SCAT", "DECY", "RAN")
    assert values["RadiopharmaceuticalInformationSequence"][0]["RadionuclideTotalDose"] == 351.5e6
    kinds = {type(value) for value in values.values()}
    assert kinds <= {str, int, float, tuple}


def test_implicit_transfer_syntax_hides_the_kind_of_private_values(study):
    path = study / "PET" / "IM00001"
    dataset = pydicom.dcmread(path)
    dataset.private_block(0x7053, "Philips PET Private Group", create=True).add_new(0x09, "DS", "1.5")
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    pydicom.dcmwrite(path, dataset, implicit_vr=True, little_endian=True)
    assert read_header(path).values["PhilipsActivityScaleFactor"] == "1.5"


def test_empty_values_are_missing(study, edit):
    edit([study / "PET" / "IM00001"], PatientWeight="", SUVType="")
    values = read_header(study / "PET" / "IM00001").values
    assert "PatientWeight" not in values
    assert "SUVType" not in values


def test_numbers_that_are_none_do_not_stop_reading(study):
    path = study / "PET" / "IM00001"
    path.write_bytes(path.read_bytes().replace(b"72.5", b"72,5"))
    assert read_header(path).values["PatientWeight"] == "72,5"


@pytest.mark.parametrize("name", ["IM00001", "image.dcm", "image.txt", "no suffix"])
def test_names_do_not_matter(study, tmp_path, name):
    (tmp_path / "deep" / "tree").mkdir(parents=True)
    (study / "PET" / "IM00001").rename(tmp_path / "deep" / "tree" / name)
    (tmp_path / "deep" / "notes.txt").write_text("notes")
    (tmp_path / "deep" / "empty").write_text("")
    (tmp_path / "deep" / "label.nii.gz").write_text("")
    (tmp_path / "deep" / ".hidden").write_text("")
    files = read_folder(tmp_path / "deep")
    assert [header.path.name for header in files.headers] == [name]
    assert files.other == 2
    assert [path.name for path in files.nifti] == ["label.nii.gz"]


def test_files_without_prefix_are_read(study, tmp_path):
    path = study / "PET" / "IM00001"
    dataset = pydicom.dcmread(path)
    old = pydicom.Dataset({tag: dataset[tag] for tag in dataset.keys()})  # noqa: SIM118
    pydicom.dcmwrite(tmp_path / "old", old, implicit_vr=True, little_endian=True, enforce_file_format=False)
    assert (tmp_path / "old").read_bytes()[128:132] != b"DICM"
    assert read_header(tmp_path / "old").values["Units"] == "BQML"


def test_missing_pixels_are_a_fault(study):
    path = study / "PET" / "IM00001"
    assert read_header(path).fault is None
    path.write_bytes(path.read_bytes()[:-5000])
    assert "IM00001" in read_header(path).fault


def test_headers_that_cannot_be_read_are_named(study):
    path = study / "PET" / "IM00001"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="IM00001"):
        read_header(path)
    assert list(read_folder(study / "PET").damaged) == [path]


def test_a_folder_is_needed(tmp_path):
    with pytest.raises(InputError, match="not a folder"):
        read_folder(tmp_path / "none")
