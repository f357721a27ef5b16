"""The DICOM attributes that are read, by keyword, with their tags for messages."""

from typing import NamedTuple

TAGS: dict[str, tuple[int, int]] = {
    "ImageType": (0x0008, 0x0008),
    "SOPClassUID": (0x0008, 0x0016),
    "SOPInstanceUID": (0x0008, 0x0018),
    "StudyDate": (0x0008, 0x0020),
    "SeriesDate": (0x0008, 0x0021),
    "AcquisitionDate": (0x0008, 0x0022),
    "SeriesTime": (0x0008, 0x0031),
    "AcquisitionTime": (0x0008, 0x0032),
    "Modality": (0x0008, 0x0060),
    "Manufacturer": (0x0008, 0x0070),
    "SeriesDescription": (0x0008, 0x103E),
    "TimezoneOffsetFromUTC": (0x0008, 0x0201),
    "PatientID": (0x0010, 0x0020),
    "PatientSex": (0x0010, 0x0040),
    "PatientSize": (0x0010, 0x1020),
    "PatientWeight": (0x0010, 0x1030),
    "SliceThickness": (0x0018, 0x0050),
    "ConvolutionKernel": (0x0018, 0x1210),
    "ActualFrameDuration": (0x0018, 0x1242),
    "StudyInstanceUID": (0x0020, 0x000D),
    "SeriesInstanceUID": (0x0020, 0x000E),
    "SeriesNumber": (0x0020, 0x0011),
    "ImagePositionPatient": (0x0020, 0x0032),
    "ImageOrientationPatient": (0x0020, 0x0037),
    "FrameOfReferenceUID": (0x0020, 0x0052),
    "NumberOfFrames": (0x0028, 0x0008),
    "Rows": (0x0028, 0x0010),
    "Columns": (0x0028, 0x0011),
    "PixelSpacing": (0x0028, 0x0030),
    "CorrectedImage": (0x0028, 0x0051),
    "BitsAllocated": (0x0028, 0x0100),
    "PixelRepresentation": (0x0028, 0x0103),
    "PixelPaddingValue": (0x0028, 0x0120),
    "PixelPaddingRangeLimit": (0x0028, 0x0121),
    "RescaleIntercept": (0x0028, 0x1052),
    "RescaleSlope": (0x0028, 0x1053),
    "RescaleType": (0x0028, 0x1054),
    "RadiopharmaceuticalInformationSequence": (0x0054, 0x0016),
    "NumberOfSlices": (0x0054, 0x0081),
    "NumberOfTimeSlices": (0x0054, 0x0101),
    "SeriesType": (0x0054, 0x1000),
    "Units": (0x0054, 0x1001),
    "SUVType": (0x0054, 0x1006),
    "DecayCorrection": (0x0054, 0x1102),
    "FrameReferenceTime": (0x0054, 0x1300),
}

RADIOPHARMACEUTICAL_TAGS: dict[str, tuple[int, int]] = {
    "Radiopharmaceutical": (0x0018, 0x0031),
    "RadiopharmaceuticalStartTime": (0x0018, 0x1072),
    "RadionuclideTotalDose": (0x0018, 0x1074),
    "RadionuclideHalfLife": (0x0018, 0x1075),
    "RadiopharmaceuticalStartDateTime": (0x0018, 0x1078),
    "RadionuclideCodeSequence": (0x0054, 0x0300),
    "RadiopharmaceuticalCodeSequence": (0x0054, 0x0304),
}


class PrivateTag(NamedTuple):
    """An attribute that a vendor added: its place depends on the block that its creator reserved."""

    group: int
    creator: str
    element: int


PRIVATE_TAGS: dict[str, PrivateTag] = {
    "GEScanDateTime": PrivateTag(0x0009, "GEMS_PETD_01", 0x0D),
    "SiemensReferenceDateTime": PrivateTag(0x0071, "SIEMENS MED PT", 0x22),
    "PhilipsSUVScaleFactor": PrivateTag(0x7053, "Philips PET Private Group", 0x00),
    "PhilipsActivityScaleFactor": PrivateTag(0x7053, "Philips PET Private Group", 0x09),
}

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
PET_IMAGE = "1.2.840.10008.5.1.4.1.1.128"
ENHANCED_CT = ("1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2")
ENHANCED_PET = ("1.2.840.10008.5.1.4.1.1.130", "1.2.840.10008.5.1.4.1.1.128.1")
SEGMENTATION = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"


def named(keyword: str) -> str:
    """A keyword with its tag, such as `Units (0054,1001)`."""
    if keyword in PRIVATE_TAGS:
        private = PRIVATE_TAGS[keyword]
        return f"{keyword} ({private.group:04X},10{private.element:02X})"
    group, element = {**TAGS, **RADIOPHARMACEUTICAL_TAGS}[keyword]
    return f"{keyword} ({group:04X},{element:04X})"
