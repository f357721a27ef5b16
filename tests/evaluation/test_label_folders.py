"""The format of two folders, their pairs, and whose they are."""

import json

import pytest
from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO
from nnunetv2.imageio.nibabel_reader_writer import NibabelIO
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.evaluation.label_folders import find_label_format, find_pairs
from nnunetv2_cipa.evaluation.label_images import Labels

TUMOUR = {"labels": {"background": 0, "tumour": 1}, "file_ending": ".png"}


@pytest.fixture
def folders(tmp_path):
    """A function that makes folders of empty files; the first for references, the second for predictions."""

    def make(references, predictions):
        both = tmp_path / "raw" / "labelsTs", tmp_path / "predictions"
        for folder, names in zip(both, (references, predictions), strict=True):
            folder.mkdir(parents=True)
            for name in names:
                (folder / name).touch()
        return both

    return make


def test_format_from_the_dataset_json_of_nnunet(folders):
    reference, prediction = folders(["a.png"], ["a.png"])
    (reference.parent / "dataset.json").write_text(json.dumps(TUMOUR | {"file_ending": ".mha"}))
    assert find_label_format(reference, prediction).ending == ".mha"
    (prediction / "dataset.json").write_text(json.dumps(TUMOUR))
    found = find_label_format(reference, prediction)
    assert (found.ending, found.reader, found.labels) == (".png", NaturalImage2DIO, Labels())
    (reference / "other.json").write_text(
        json.dumps(TUMOUR | {"file_ending": ".nii.gz", "overwrite_image_reader_writer": "NibabelIO"})
    )
    found = find_label_format(reference, prediction, dataset_json=reference / "other.json")
    assert (found.ending, found.reader) == (".nii.gz", NibabelIO)


def test_format_from_the_files(folders):
    reference, prediction = folders(["a.nii.gz"], ["a.nii.gz", "overview.png", "plans.json"])
    found = find_label_format(reference, prediction)
    assert (found.ending, found.reader, found.labels) == (".nii.gz", SimpleITKIO, Labels())
    assert find_label_format(reference, prediction, [255]).labels == Labels((255,), frozenset({0, 255}))


@pytest.mark.parametrize(
    ("references", "predictions", "message"),
    [
        (["a.png"], ["a.nii.gz"], "no label files of the same kind"),
        (["a.png", "a.mha"], ["a.png", "a.mha"], r"several kinds of label files \(.png, .mha\)"),
    ],
)
def test_format_remains_open(folders, references, predictions, message):
    with pytest.raises(InputError, match=message):
        find_label_format(*folders(references, predictions))


@pytest.mark.parametrize(
    ("labels", "foreground", "expected"),
    [
        ({"background": 0, "tumour": 1, "ignore": 2}, None, Labels((1,), frozenset({0, 1}), 2)),
        ({"background": 0, "tumour": 2}, None, Labels((2,), frozenset({0, 2}))),
        ({"background": 0, "tumour": 1, "node": 2}, [2], Labels((2,), frozenset({0, 1, 2}))),
        ({"background": 0, "all": [1, 2, 3], "core": [2, 3]}, [3, 2], Labels((2, 3), frozenset({0, 1, 2, 3}))),
        (
            {"background": 0, "tumour": 1, "node": 2, "ignore": 3},
            None,
            Labels((1, 2), frozenset({0, 1, 2}), 3, (("tumour", (1,)), ("node", (2,)))),
        ),
        (
            {"background": 0, "all": [1, 3], "core": [3]},
            None,
            Labels((1, 3), frozenset({0, 1, 3}), parts=(("all", (1, 3)), ("core", (3,)))),
        ),
    ],
)
def test_labels_of_a_dataset(folders, labels, foreground, expected):
    reference, prediction = folders(["a.png"], ["a.png"])
    (prediction / "dataset.json").write_text(json.dumps(TUMOUR | {"labels": labels}))
    assert find_label_format(reference, prediction, foreground).labels == expected


@pytest.mark.parametrize(
    ("content", "foreground", "message"),
    [
        (TUMOUR | {"labels": {"background": 0}}, None, "no label but background"),
        (TUMOUR, [1, 3], r"labels \[1\]: -l 1 3 names others"),
        (TUMOUR | {"file_ending": ".doc"}, None, r"no reader for \.doc files"),
        ({"labels": {"0": "background", "1": "tumour"}, "file_ending": ".png"}, None, "no dataset.json of nnU-Net v2"),
        ({"labels": {"background": 0, "tumour": 1}}, None, "no dataset.json of nnU-Net v2"),
        ([], None, "must hold an object"),
    ],
)
def test_unfit_dataset_json(folders, content, foreground, message):
    reference, prediction = folders(["a.png"], ["a.png"])
    (prediction / "dataset.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=message):
        find_label_format(reference, prediction, foreground)


def test_missing_and_broken_files_are_named(folders, tmp_path):
    reference, prediction = folders(["a.png"], ["a.png"])
    with pytest.raises(InputError, match="nowhere is not a folder"):
        find_label_format(reference, tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"absent\.json cannot be read: No such file"):
        find_label_format(reference, prediction, dataset_json=tmp_path / "absent.json")
    (prediction / "dataset.json").write_text("{")
    with pytest.raises(InputError, match=r"dataset\.json is not valid JSON"):
        find_label_format(reference, prediction)


def test_pairs_in_the_order_of_their_numbers(folders):
    names = ["0002_1.png", "0001_10.png", "0001_9.png", "lung.png", "._0001_9.png", "notes.txt"]
    pairs = find_pairs(*folders(names, names), ".png")
    assert [pair.identifier for pair in pairs] == ["0001_9", "0001_10", "0002_1", "lung"]
    assert [pair.patient for pair in pairs] == ["0001", "0001", "0002", "lung"]
    assert pairs[0].reference.name == pairs[0].prediction.name == "0001_9.png"


def test_every_missing_and_extra_case_is_named(folders):
    both = folders(["a_1.png", "a_2.png", "b_1.png"], ["b_1.png", "c_10.png", "c_9.png"])
    with pytest.raises(InputError) as caught:
        find_pairs(*both, ".png")
    lines = str(caught.value).splitlines()
    assert lines[1] == "Cases without a prediction can be left out with --chill."
    assert lines[2].endswith("predictions (2):")
    assert lines[3:5] == ["    a_1", "    a_2"]
    assert lines[5].endswith("labelsTs (2):")
    assert lines[6:] == ["    c_9", "    c_10"]


def test_missing_predictions_can_be_allowed_extra_ones_not(folders):
    reference, prediction = folders(["a_1.png", "a_2.png"], ["a_2.png"])
    assert [pair.identifier for pair in find_pairs(reference, prediction, ".png", allow_missing=True)] == ["a_2"]
    (prediction / "c_1.png").touch()
    with pytest.raises(InputError, match="c_1"):
        find_pairs(reference, prediction, ".png", allow_missing=True)


def test_no_file_at_all(folders):
    with pytest.raises(InputError, match=r"predictions has no \.png file"):
        find_pairs(*folders(["a.png"], ["a.bmp"]), ".png")


def test_given_patients(folders):
    both = folders(["a_1.png", "b_1.png"], ["a_1.png", "b_1.png"])
    pairs = find_pairs(*both, ".png", patients={"a_1": "Ada", "b_1": "Ada", "z": "Zoe"})
    assert [pair.patient for pair in pairs] == ["Ada", "Ada"]
    with pytest.raises(InputError, match="without a patient in the list of patients \\(1\\):\n    b_1"):
        find_pairs(*both, ".png", patients={"a_1": "Ada"})


def test_patients_of_the_dataset(folders):
    reference, prediction = folders(["a_1.png", "b_1.png"], ["a_1.png", "b_1.png"])
    (reference.parent / "dataset.json").write_text("{}")
    (reference.parent / "patients.json").write_text('{"a_1": "Ada", "b_1": "Ada", "z": "Zoe"}')
    assert [pair.patient for pair in find_pairs(reference, prediction, ".png")] == ["Ada", "Ada"]
    (reference.parent / "patients.json").write_text('{"a_1": "Ada"}')
    with pytest.raises(InputError, match=r"patients\.json does not name the patients of 1 cases:\nb_1"):
        find_pairs(reference, prediction, ".png")


def test_patients_by_the_names_of_all_references(folders):
    """One prediction alone would be a patient of its own."""
    pairs = find_pairs(*folders(["0001_1.png", "0001_2.png", "0002_1.png"], ["0001_2.png"]), ".png", allow_missing=True)
    assert [pair.patient for pair in pairs] == ["0001"]
