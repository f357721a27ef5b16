"""The command, as it is called."""

import json

import pytest

from nnunetv2_cipa import cli


def submission(*words):
    return cli.main(["submission", *map(str, words)])


def test_command_writes_a_csv_in_the_samples_order(predictions, tmp_path, capsys):
    (tmp_path / "sample.csv").write_text("ImageId,EncodedPixels\nb_9,\na_1,\nb_10,\n")
    words = ("-i", predictions, "-o", tmp_path / "s.csv", "--sample", tmp_path / "sample.csv", "--empty", "-1")
    assert submission(*words) == 0
    assert "3 predictions" in capsys.readouterr().out
    lines = (tmp_path / "s.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in lines] == ["ImageId", "b_9", "a_1", "b_10"]
    assert lines[2] == "a_1,-1"


def test_empty_masks_as_in_the_sample(predictions, tmp_path, capsys):
    (tmp_path / "sample.csv").write_text("id,rle\nb_9,-1\na_1,-1\nb_10,-1\n")
    words = ("-i", predictions, "--sample", tmp_path / "sample.csv")
    assert submission(*words, "-o", tmp_path / "s.csv") == 0
    assert "Empty masks are written as -1" in capsys.readouterr().out
    assert (tmp_path / "s.csv").read_text().splitlines()[2] == "a_1,-1"
    assert submission(*words, "-o", tmp_path / "none.csv", "--empty", "none") == 0
    assert "Empty masks" not in capsys.readouterr().out
    assert (tmp_path / "none.csv").read_text().splitlines()[2] == "a_1,none"


def test_several_labels_are_one_foreground_and_that_is_said(predictions, tmp_path, capsys):
    labels = {"background": 0, "primary": 1, "node": 2}
    (predictions / "dataset.json").write_text(json.dumps({"file_ending": ".png", "labels": labels}))
    for words, said in (((), True), (("-l", "1"), False)):
        assert submission("-i", predictions, "-o", tmp_path / f"{said}.csv", *words) == 0
        assert ("labels 1, 2 together (-l LABEL for one of them)" in capsys.readouterr().out) == said


def test_patients_and_gaps_are_said_aloud(predictions, tmp_path, capsys, monkeypatch):
    (predictions / "b_9.png").rename(predictions / "b_7.png")
    words = ("-i", predictions, "--format", "nii.gz", "-o")
    assert submission(*words, tmp_path / "by_name") == 0
    said = capsys.readouterr().out
    assert "Patients, by the names of slices (--patients FILE.json may tell others): a, b" in said
    assert "missing between others, and are empty in the volumes:\nb: 8 to 9" in said

    raw = tmp_path / "raw" / "Dataset001_Own"
    raw.mkdir(parents=True)
    (raw / "patients.json").write_text('{"a_1": "Ada", "b_7": "Bert", "b_10": "Bert", "c_1": "Cy"}')
    (predictions / "plans.json").write_text('{"dataset_name": "Dataset001_Own"}')
    monkeypatch.setenv("nnUNet_raw", str(raw.parent))
    assert submission(*words, tmp_path / "by_file") == 0
    assert f"Patients, by {raw / 'patients.json'}: Ada, Bert" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "by_file").iterdir()) == ["Ada.nii.gz", "Bert.nii.gz"]


def test_volumes_of_a_single_slice_each_are_doubted(predictions, tmp_path, capsys):
    (tmp_path / "patients.json").write_text(json.dumps({"a_1": "a", "b_9": "b", "b_10": "c"}))
    words = ("-i", predictions, "--format", "nii.gz", "--patients", tmp_path / "patients.json", "-o", tmp_path / "out")
    assert submission(*words) == 0
    assert "WARNING: each of the 3 volumes is a single slice" in capsys.readouterr().out


def test_slices_of_one_guessed_patient_are_doubted(predictions, tmp_path, capsys):
    (predictions / "a_1.png").rename(predictions / "0001_1.png")
    for number in (9, 10):
        (predictions / f"b_{number}.png").rename(predictions / f"0001_{number}.png")
    assert submission("-i", predictions, "-o", tmp_path / "masks", "--format", "nii.gz") == 0
    assert "WARNING: All 3 cases are taken for those of one patient, 0001." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("form", "names"), [("png", ["a_1.png", "b_10.png", "b_9.png"]), ("nii.gz", ["a.nii.gz", "b.nii.gz"])]
)
def test_command_writes_masks(predictions, tmp_path, form, names):
    assert submission("-i", predictions, "-o", tmp_path / "masks", "--format", form) == 0
    assert sorted(file.name for file in (tmp_path / "masks").iterdir()) == names


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-o", "s.csv", "--value", "1"], "--value means nothing with --format csv"),
        (["-o", "masks", "--format", "png", "--sample", "s.csv", "--id-ending", "x"], "--sample, --id-ending means"),
        (["-o", "masks"], "does not fit --format csv"),
        (["-o", "s.csv", "--format", "png"], "does not fit --format png"),
        (["-o", "s.csv", "--columns", "a", "a"], "a column of ids and one of masks"),
        (["-o", "s.csv", "--sample", "none.csv"], "none.csv cannot be read"),
    ],
)
def test_what_does_not_fit_is_refused(predictions, tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    assert submission("-i", predictions, *words) == 1
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["predictions"]


def test_an_earlier_submission_stays_unless_overwritten(predictions, tmp_path, capsys):
    words = ("-i", predictions, "-o", tmp_path / "s.csv")
    assert submission(*words) == 0
    assert submission(*words) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert submission(*words, "--overwrite") == 0


def test_nothing_half_written_is_left(predictions, tmp_path, capsys):
    (predictions / "b_9.png").write_bytes((predictions / "b_9.png").read_bytes()[:40])
    for words in (["-o", tmp_path / "s.csv"], ["-o", tmp_path / "m", "--format", "png"]):
        assert submission("-i", predictions, *words) == 1
        assert "b_9.png cannot be read" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["predictions"]
