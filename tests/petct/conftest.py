"""Attributes of PET slices as a scanner writes them, and studies of the phantom."""

import os
from pathlib import Path

import pytest

BESIDE_THE_PROJECT = Path(__file__).resolve().parents[3] / "shared" / "data"
SHARED = Path(os.environ.get("NNUNETV2_CIPA_SHARED_DATA", BESIDE_THE_PROJECT))


@pytest.fixture
def pet_slices():
    """A function that gives the attributes of slices: F-18, 400 MBq, 80 kg, 60 min of uptake, beds of 300 s."""

    def slices(number=4, *, slice_changes=None, radiopharmaceutical=None, **changes):
        item = {
            "Radiopharmaceutical": "Fluorodeoxyglucose F^18^",
            "RadiopharmaceuticalStartTime": "100000.00",
            "RadionuclideTotalDose": 4e8,
            "RadionuclideHalfLife": 6586.2,
            **(radiopharmaceutical or {}),
        }
        found = []
        for index in range(number):
            bed = 2 * index // number
            values = {
                "Manufacturer": "SIEMENS",
                "Units": "BQML",
                "DecayCorrection": "START",
                "CorrectedImage": ("NORM", "ATTN", "SCAT", "DECY"),
                "RescaleSlope": 1.0 + index,
                "RescaleIntercept": 0.0,
                "PatientWeight": 80.0,
                "PatientSize": 1.8,
                "PatientSex": "M",
                "SeriesDate": "20240305",
                "SeriesTime": "110000.00",
                "AcquisitionDate": "20240305",
                "AcquisitionTime": f"11{5 * bed:02d}00.00",
                "ActualFrameDuration": 290000,
                "RadiopharmaceuticalInformationSequence": (without(item),),
                **changes,
                **(slice_changes(index) if slice_changes else {}),
            }
            found.append(without(values))
        return found

    def without(values):
        return {key: value for key, value in values.items() if value is not None}

    return slices


@pytest.fixture
def shared_data():
    if not SHARED.is_dir():
        pytest.skip(f"no {SHARED}: real data is optional")
    return SHARED


@pytest.fixture(scope="session")
def phantom_images():
    """CT, PET and label of a patient of the phantom, each on its own grid, and 12 slices of CT."""
    from nnunetv2_cipa.phantom.patient import make_patient
    from nnunetv2_cipa.phantom.studies_folder import volumes

    return volumes(make_patient(12, (64, 64), seed=3))


@pytest.fixture
def study(tmp_path, phantom_images):
    """A folder with a DICOM study: CT, PET and SEG of the phantom."""
    pytest.importorskip("highdicom")
    from nnunetv2_cipa.petct.segmentation_files import BY_HAND, write_segmentation
    from nnunetv2_cipa.phantom.dicom_files import Identity, write_ct, write_pet

    ct, pet, label = phantom_images
    folder, identity = tmp_path / "study", Identity("Pat 1", "test")
    slices = write_ct(folder / "CT", ct, identity)
    write_pet(folder / "PET", pet, identity, "siemens")
    write_segmentation(folder / "SEG.dcm", label, slices, ["tumor"], BY_HAND)
    return folder


@pytest.fixture
def edit():
    """A function that changes attributes of DICOM files: `edit(paths, Units="CNTS")`; None removes."""
    pydicom = pytest.importorskip("pydicom")

    def change(paths, **attributes):
        for path in paths:
            dataset = pydicom.dcmread(path)
            for keyword, value in attributes.items():
                if value is None:
                    del dataset[keyword]
                else:
                    setattr(dataset, keyword, value(dataset) if callable(value) else value)
                    if dataset[keyword].VR == "US or SS":
                        dataset[keyword].VR = "US"
            dataset.save_as(path)

    return change
