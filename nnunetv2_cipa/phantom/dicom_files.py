"""CT and PET volumes written as DICOM series, as a scanner exports them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray

from nnunetv2_cipa.petct.dicom_library import dicom_library
from nnunetv2_cipa.petct.tags import CT_IMAGE, PET_IMAGE

from .suv_storage import DOSE, HALF_LIFE, INJECTED, UPTAKE, WEIGHT, Storage, stored_slices

_EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
_CT_INTERCEPT = -1024
_BEDS = 3
HIGHEST = 2**15 - 1
"""Stored value of a slice's maximum."""


@dataclass(frozen=True)
class Identity:
    """Whose study it is.

    Attributes:
        patient: PatientID.
        origin: what the UIDs are derived from, so that the same data has the same.
    """

    patient: str
    origin: str

    def uid(self, *parts: object) -> str:
        """A UID for a part of the study."""
        return str(dicom_library("pydicom").uid.generate_uid(entropy_srcs=[self.origin, *map(str, parts)]))


def write_ct(folder: Path, ct: sitk.Image, identity: Identity, **attributes: object) -> list[Path]:
    """Write a CT in HU as a series of int16 slices.

    Args:
        folder: to be made.
        ct: HU, on any grid.
        identity: of the study.
        attributes: DICOM keywords and values to set in every slice.
    """
    hu = sitk.GetArrayFromImage(ct)
    stored = np.clip(np.rint(hu - _CT_INTERCEPT), 0, HIGHEST).astype(np.uint16)
    fixed = {
        "Modality": "CT",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "Manufacturer": "Phantom",
        "ConvolutionKernel": "B30f",
        "SeriesNumber": 2,
        "SeriesDescription": "CT phantom",
        "RescaleSlope": "1",
        "RescaleIntercept": str(_CT_INTERCEPT),
        "RescaleType": "HU",
        **attributes,
    }
    return _write_series(folder, ct, stored, CT_IMAGE, identity, lambda _: (fixed, {}))


def write_pet(folder: Path, suv: sitk.Image, identity: Identity, storage: Storage, **attributes: object) -> list[Path]:
    """Write a PET in SUV as a series of uint16 slices, each with a slope of its own, scanned in three beds.

    Args:
        folder: to be made.
        suv: SUV by body weight, on any grid.
        identity: of the study.
        storage: how uptake is stored.
        attributes: DICOM keywords and values to set in every slice.
    """
    depth = suv.GetDepth()
    ways = stored_slices(storage, [index * _BEDS // depth for index in range(depth)])
    units = np.array([way.unit for way in ways])[:, None, None]
    activity = sitk.GetArrayFromImage(suv).astype(float) / units
    slopes = [f"{max(float(slice_.max()), 1e-6) / HIGHEST:.9e}" for slice_ in activity]
    stored = np.rint(activity / np.array(slopes, dtype=float)[:, None, None]).clip(0, 2**16 - 1).astype(np.uint16)

    def of_slice(index: int) -> tuple[dict[str, Any], dict[tuple[int, str, int], tuple[str, Any]]]:
        fixed = {
            "Modality": "PT",
            "ImageType": ["ORIGINAL", "PRIMARY"],
            "SeriesNumber": 3,
            "SeriesDescription": f"PET phantom, {storage}",
            "SeriesType": ["STATIC", "IMAGE"],
            "NumberOfSlices": depth,
            "PatientWeight": f"{WEIGHT:g}",
            "RescaleSlope": slopes[index],
            "RescaleIntercept": "0",
            **ways[index].attributes,
            **attributes,
        }
        return fixed, ways[index].private

    return _write_series(folder, suv, stored, PET_IMAGE, identity, of_slice)


def _write_series(
    folder: Path,
    image: sitk.Image,
    stored: NDArray[np.uint16],
    sop_class: str,
    identity: Identity,
    of_slice: Callable[[int], tuple[dict[str, Any], dict[tuple[int, str, int], tuple[str, Any]]]],
) -> list[Path]:
    pydicom = dicom_library("pydicom")
    folder.mkdir(parents=True)
    directions = np.array(image.GetDirection()).reshape(3, 3)
    columns, rows, step = image.GetSpacing()
    paths = []
    for index, pixels in enumerate(stored):
        attributes, private = of_slice(index)
        dataset = pydicom.Dataset()
        dataset.file_meta = pydicom.dataset.FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(_EXPLICIT_LITTLE_ENDIAN)
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = sop_class
        uid = identity.uid(attributes["Modality"], attributes["SeriesNumber"], index)
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid
        _describe_study(dataset, identity)
        dataset.SeriesInstanceUID = identity.uid(attributes["Modality"], attributes["SeriesNumber"])
        dataset.InstanceNumber = len(stored) - index
        dataset.ImagePositionPatient = _decimal(image.TransformIndexToPhysicalPoint((0, 0, index)))
        dataset.ImageOrientationPatient = _decimal([*directions[:, 0], *directions[:, 1]])
        dataset.PixelSpacing, dataset.SliceThickness = _decimal([rows, columns]), _decimal([step])[0]
        dataset.Rows, dataset.Columns = pixels.shape
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
        if sop_class == PET_IMAGE:
            dataset.RadiopharmaceuticalInformationSequence = [_radiopharmaceutical()]
        for keyword, value in attributes.items():
            setattr(dataset, keyword, value)
        for (group, creator, element), (representation, value) in private.items():
            dataset.private_block(group, creator, create=True).add_new(element, representation, value)
        dataset.PixelData = np.ascontiguousarray(pixels).tobytes()
        paths.append(folder / f"IM{len(stored) - index:05d}")
        dataset.save_as(paths[-1], enforce_file_format=True)
    return paths


def _describe_study(dataset: Any, identity: Identity) -> None:  # noqa: ANN401 - a pydicom Dataset
    start = INJECTED + UPTAKE
    dataset.PatientID, dataset.PatientName = identity.patient, f"{identity.patient}^"
    dataset.PatientBirthDate, dataset.PatientSex, dataset.PatientSize = "", "O", "1.75"
    dataset.StudyInstanceUID, dataset.StudyID = identity.uid("study"), "1"
    dataset.StudyDate, dataset.StudyTime = f"{start:%Y%m%d}", f"{start:%H%M%S}"
    dataset.AccessionNumber = dataset.ReferringPhysicianName = dataset.PositionReferenceIndicator = ""
    dataset.FrameOfReferenceUID = identity.uid("frame of reference")


def _radiopharmaceutical() -> Any:  # noqa: ANN401 - a pydicom Dataset
    item = dicom_library("pydicom").Dataset()
    item.Radiopharmaceutical = "FDG -- fluorodeoxyglucose"
    item.RadiopharmaceuticalStartTime = f"{INJECTED:%H%M%S.%f}"
    item.RadiopharmaceuticalStartDateTime = f"{INJECTED:%Y%m%d%H%M%S.%f}"
    item.RadionuclideTotalDose = f"{DOSE:.9g}"
    item.RadionuclideHalfLife = f"{HALF_LIFE:g}"
    return item


def _decimal(values: object) -> list[str]:
    """Numbers as DICOM's decimal strings, at most 16 characters."""
    return [f"{float(value):.9g}" for value in values]  # type: ignore[attr-defined]
