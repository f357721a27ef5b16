"""Tags and classes, against pydicom's dictionaries."""

import pytest

from nnunetv2_cipa.petct import tags
from nnunetv2_cipa.petct.tags import PRIVATE_TAGS, RADIOPHARMACEUTICAL_TAGS, TAGS, named

pytest.importorskip("pydicom")

EVERY_TAG = [*TAGS.items(), *RADIOPHARMACEUTICAL_TAGS.items()]


@pytest.mark.parametrize(("keyword", "tag"), EVERY_TAG)
def test_tags_are_those_of_the_standard(keyword, tag):
    from pydicom.datadict import tag_for_keyword

    group, element = tag
    assert tag_for_keyword(keyword) == 0x10000 * group + element


@pytest.mark.parametrize(
    ("keyword", "word"),
    [
        ("GEScanDateTime", "scan_datetime"),
        ("PhilipsSUVScaleFactor", "suv"),
        ("PhilipsActivityScaleFactor", "activity"),
    ],
)
def test_private_tags_are_those_that_pydicom_knows(keyword, word):
    from pydicom.datadict import private_dictionary_description

    private = PRIVATE_TAGS[keyword]
    known = private_dictionary_description(0x10000 * private.group + 0x1000 + private.element, private.creator)
    assert word in known.casefold()


@pytest.mark.parametrize(
    ("found", "names"),
    [
        ((tags.CT_IMAGE,), ["CT Image Storage"]),
        ((tags.PET_IMAGE,), ["Positron Emission Tomography Image Storage"]),
        (tags.ENHANCED_CT, ["Enhanced CT Image Storage", "Legacy Converted Enhanced CT Image Storage"]),
        (tags.ENHANCED_PET, ["Enhanced PET Image Storage", "Legacy Converted Enhanced PET Image Storage"]),
        (tags.SEGMENTATION[:1], ["Segmentation Storage"]),  # the other is of 2024, and not yet in pydicom
        ((tags.STRUCTURE_SET,), ["RT Structure Set Storage"]),
    ],
)
def test_classes_are_those_of_the_standard(found, names):
    from pydicom.uid import UID

    assert [UID(identifier).name for identifier in found] == names


@pytest.mark.parametrize(
    ("keyword", "expected"),
    [
        ("Units", "Units (0054,1001)"),
        ("SeriesDescription", "SeriesDescription (0008,103E)"),
        ("RadionuclideTotalDose", "RadionuclideTotalDose (0018,1074)"),
        ("GEScanDateTime", "GEScanDateTime (0009,100D)"),
        ("SiemensReferenceDateTime", "SiemensReferenceDateTime (0071,1022)"),
        ("PhilipsSUVScaleFactor", "PhilipsSUVScaleFactor (7053,1000)"),
    ],
)
def test_keywords_are_told_with_their_tag(keyword, expected):
    assert named(keyword) == expected


def test_keywords_that_are_not_read_have_no_name():
    with pytest.raises(KeyError):
        named("PatientName")
