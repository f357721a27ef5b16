"""One study becomes a case: what is written, what is refused, and what is taken from an earlier conversion."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa.dataset_conversion.petct_case import Outcome, Place, choose_case, fingerprint, write_case
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.petct.volumes import Volumes


def image_of(values, spacing, dtype=np.float32):
    image = sitk.GetImageFromArray(np.asarray(values, dtype=dtype))
    image.SetSpacing(spacing)
    return image


@dataclass
class Study:
    """CT of 2 mm and PET of 4 mm in the same place, and a label of 8 voxels of 4 mm."""

    ct: Path
    name: str = "a_1"
    patient: str = "a"
    labelled: bool = True
    classes: int = 1
    fault: Exception | None = None
    spacing: tuple = (2.0, 2.0, 4.0)
    reads: list = field(default_factory=list)

    def choose(self):
        if self.fault is not None:
            raise self.fault
        return {"ct": "series 2"}

    def read(self):
        if self.fault is not None:
            raise self.fault
        self.reads.append(self.name)
        ct = image_of(np.full((6, 24, 24), 40.0), self.spacing)
        pet, label = np.full((6, 12, 12), 1.5), np.zeros((6, 12, 12))
        pet[2:4, 4:6, 4:6], label[2:4, 4:6, 4:6] = 8.0, self.classes
        labels = [image_of(label, (4.0, 4.0, 4.0), np.uint8)] if self.labelled else []
        return Volumes(ct, image_of(pet, (4.0, 4.0, 4.0)), labels, {"ct": "series 2"}, ["odd"])


@pytest.fixture
def place(tmp_path):
    (tmp_path / "dataset" / "studies").mkdir(parents=True)
    return Place(tmp_path / "dataset", frozenset({"tested"}), "pet")


@pytest.fixture
def study(tmp_path):
    """A function that makes a study whose CT is a file."""

    def make(**options):
        (tmp_path / "ct.nii").write_text("voxels")
        return Study(tmp_path / "ct.nii", **options)

    return make


def files(place):
    return sorted(path.relative_to(place.folder).as_posix() for path in place.folder.rglob("*") if path.is_file())


class TestWriting:
    def test_files_and_record_by_hand(self, place, study):
        outcome = write_case(place, study())
        assert files(place) == [
            "imagesTr/a_1_0000.nii.gz",
            "imagesTr/a_1_0001.nii.gz",
            "labelsTr/a_1.nii.gz",
            "petTr/a_1.nii.gz",
            "studies/a_1.json",
            "studies/a_1.png",
        ]
        assert (outcome.name, outcome.patient, outcome.subset, outcome.labelled) == ("a_1", "a", "Tr", True)
        assert outcome.refusal is None
        record = outcome.record
        assert record["ct"] == "series 2"
        assert record["grid"] == "pet, 12x12x6 voxels of 4x4x4 mm"
        assert record["pet_grid"] == "12x12x6 voxels of 4x4x4 mm"
        assert record["label_ml"] == pytest.approx(8 * 0.064)
        assert (record["highest_class"], record["axial"]) == (1, True)
        assert record["warnings"][0] == "odd"
        assert record["figures"]["max_SUV"] == 8

    def test_images_are_the_study_s_on_one_grid(self, place, study):
        write_case(place, study(classes=2))
        ct, pet, label = (
            sitk.ReadImage(str(place.folder / name))
            for name in ("imagesTr/a_1_0000.nii.gz", "imagesTr/a_1_0001.nii.gz", "labelsTr/a_1.nii.gz")
        )
        assert ct.GetSize() == pet.GetSize() == label.GetSize() == (12, 12, 6)
        assert (sitk.GetArrayFromImage(pet) == 8).sum() == (sitk.GetArrayFromImage(label) == 2).sum() == 8
        assert np.allclose(sitk.GetArrayFromImage(ct), 40)

    def test_a_spacing_of_one_s_own(self, place, study):
        record = write_case(Place(place.folder, place.test, "ct", (6.0, 6.0, 4.0)), study()).record
        assert record["grid"].startswith("ct, 8x8x6 voxels of 6x6x4 mm")
        assert record["pet_grid"] == "12x12x6 voxels of 4x4x4 mm"
        assert record["axial"] is False

    def test_without_a_label(self, place, study):
        outcome = write_case(place, study(labelled=False))
        assert (outcome.subset, outcome.labelled) == ("Ts", False)
        assert (outcome.record["label_ml"], outcome.record["highest_class"]) == (None, 0)
        assert not (place.folder / "labelsTs").exists()

    @pytest.mark.parametrize(
        ("name", "labelled", "subset"), [("a_1", True, "Tr"), ("tested", True, "Ts"), ("a_1", False, "Ts")]
    )
    def test_the_test_set_has_what_is_listed_and_what_has_no_label(self, place, study, name, labelled, subset):
        assert place.subset(study(name=name, labelled=labelled)) == subset


class TestRefusal:
    def test_our_own_reasons_are_told_as_they_are(self, place, study):
        outcome = write_case(place, study(fault=InputError("The CT is missing.")))
        assert outcome == Outcome("a_1", "a", refusal="The CT is missing.")
        assert files(place) == []

    @pytest.mark.parametrize("kind", [RuntimeError, ValueError, KeyError, TypeError, AttributeError, IndexError])
    def test_an_odd_study_does_not_end_the_others(self, place, study, kind):
        told = f"It could not be converted ({kind.__name__}): {kind('odd one')}"
        for outcome in (write_case(place, study(fault=kind("odd one"))), choose_case(study(fault=kind("odd one")))):
            assert (outcome.refusal, outcome.subset, outcome.record) == (told, "", {})

    def test_a_full_disk_ends_it(self, place, study):
        with pytest.raises(OSError, match="No space"):
            write_case(place, study(fault=OSError("No space left on device")))


def test_choosing_reads_no_volume(study):
    labelled, unlabelled = study(), study(labelled=False)
    assert choose_case(labelled) == Outcome("a_1", "a", "Tr", True, {"ct": "series 2"})
    assert choose_case(unlabelled).subset == "Ts"
    assert labelled.reads == unlabelled.reads == []


class TestResuming:
    def test_a_complete_case_is_taken_as_it_is(self, place, study):
        first, second = study(), study()
        before, again = write_case(place, first), write_case(place, second)
        assert json.dumps(asdict(again)) == json.dumps(asdict(before))  # as NaN is no NaN
        assert (first.reads, second.reads) == (["a_1"], [])

    def test_a_case_without_its_record_is_written_again(self, place, study):
        write_case(place, study())
        place.record("a_1").unlink()
        again = study()
        write_case(place, again)
        assert again.reads == ["a_1"]

    def test_other_files_and_other_decisions_are_other_cases(self, place, study):
        write_case(place, study())
        other = study(classes=2)
        assert write_case(place, other).record["highest_class"] == 2
        other.ct.write_text("more voxels")
        write_case(place, other)
        assert other.reads == ["a_1"] * 2

    def test_a_refused_study_is_tried_again(self, place, study):
        write_case(place, study(fault=InputError("The CT is missing.")))
        assert write_case(place, study()).refusal is None

    def test_the_record_can_be_read_by_people(self, place, study):
        made = study()
        outcome = write_case(place, made)
        content = json.loads(place.record("a_1").read_text(), parse_constant=str)
        assert content == json.loads(json.dumps({**asdict(outcome), "sources": fingerprint(made)}), parse_constant=str)


class TestFingerprint:
    @pytest.fixture
    def dated(self, study):
        """A function that makes a study whose file has a fixed time."""

        def make(time=10**18, **options):
            made = study(**options)
            os.utime(made.ct, ns=(time, time))
            return made

        return make

    def test_it_is_that_of_the_same_study(self, dated):
        assert fingerprint(dated()) == fingerprint(dated())
        assert fingerprint(dated(spacing=(1, 1, 1), labelled=False)) == fingerprint(dated()), "what files decide"

    @pytest.mark.parametrize("changes", [{"name": "a_2"}, {"patient": "b"}, {"classes": 2}, {"time": 10**18 + 1}])
    def test_it_changes_with_what_was_decided_and_with_times(self, dated, changes):
        assert fingerprint(dated(**changes)) != fingerprint(dated())

    def test_it_changes_with_sizes(self, dated):
        before, made = fingerprint(dated()), dated()
        made.ct.write_text("other and longer")
        os.utime(made.ct, ns=(10**18, 10**18))
        assert fingerprint(made) != before
