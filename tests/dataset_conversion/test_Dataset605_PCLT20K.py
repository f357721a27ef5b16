import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from nnunetv2_cipa.cli import main
from nnunetv2_cipa.dataset_conversion import Dataset605_PCLT20K
from nnunetv2_cipa.dataset_conversion.Dataset605_PCLT20K import convert_pclt20k
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.phantom import make_phantom

SARCOMA = Path(__file__).parents[3] / "shared" / "data" / "sts_pclt20k"


def test_the_whole_dataset(source, nnunet_raw):
    conversion = convert_pclt20k(source)
    assert conversion.folder == nnunet_raw / "Dataset605_PCLT20K"
    names = {
        part: sorted(path.name for path in (conversion.folder / part).iterdir()) for part in ("imagesTr", "labelsTr")
    }
    train = sorted((source / "train.txt").read_text().split())
    assert names == {
        "imagesTr": [f"{name}_{channel}.png" for name in train for channel in ("0000", "0001")],
        "labelsTr": [f"{name}.png" for name in train],
    }
    assert len(list((conversion.folder / "imagesTs").iterdir())) == 12
    assert len(list((conversion.folder / "labelsTs").iterdir())) == 6
    folds = json.loads((conversion.folder / "splits_final.json").read_text())
    assert [len(fold["val"]) for fold in folds] == [3] * 5 == conversion.summary.fold_sizes
    dataset = json.loads((conversion.folder / "dataset.json").read_text())
    assert dataset["channel_names"] == {"0": "CT", "1": "PET"}
    assert dataset["modalities"] == ["CT", "PET"]
    assert dataset["labels"] == {"background": 0, "tumor": 1}
    assert (dataset["numTraining"], dataset["file_ending"]) == (15, ".png")
    names = [*train, *(source / "test.txt").read_text().split()]
    assert json.loads((conversion.folder / "patients.json").read_text()) == {name: name[:4] for name in names}
    assert conversion.outdated_splits is None
    assert conversion.warnings == []


@pytest.mark.parametrize(("patients", "folds", "warning"), [(1, 0, "are of one patient"), (3, 3, "of 3 patients")])
def test_few_patients(source, nnunet_raw, patients, folds, warning):
    listed = (source / "train.txt").read_text().splitlines()
    (source / "train.txt").write_text("\n".join(listed[: 3 * patients]))
    conversion = convert_pclt20k(source)
    assert [text for text in conversion.warnings if warning in text]
    splits = conversion.folder / "splits_final.json"
    assert splits.exists() == (folds > 0)
    if folds:
        assert len(json.loads(splits.read_text())) == len(conversion.summary.fold_sizes) == folds


def test_masks_without_any_tumour_are_warned_of(tmp_path, nnunet_raw, write_slice, capsys):
    for patient in range(6):
        write_slice(tmp_path / "PCLT20K", f"{patient}_1", area=0)
    assert main(["convert_PCLT20K", "-i", str(tmp_path / "PCLT20K")]) == 0
    assert "WARNING: No training slice has a tumour: all masks are empty." in capsys.readouterr().out


def test_every_offender_is_named_and_nothing_is_left(source, nnunet_raw):
    for name in ("0001_9", "0002_10", "0007_11"):
        (source / name[:4] / f"{name}_CT.png").write_bytes(b"no image")
    (source / "0003" / "0003_9_PET.png").unlink()
    Image.new("L", (5, 5)).save(source / "0004" / "0004_9_mask.png")
    with (source / "test.txt").open("a") as file:
        file.write("0005_9\n")
    with pytest.raises(InputError) as refusal:
        convert_pclt20k(source)
    for offender in (
        "0001_9_CT.png",
        "0002_10_CT.png",
        "0007_11_CT.png",
        "0003_9: no PET",
        "mask 5x5",
        "    0005_9\n",
        "    0005\n",
    ):
        assert offender in str(refusal.value)
    assert list(nnunet_raw.iterdir()) == []


def test_an_existing_dataset_is_kept_unless_overwritten(source, nnunet_raw):
    folder = convert_pclt20k(source).folder
    (folder / "mine.txt").write_text("")
    with pytest.raises(InputError, match=r"Dataset605_PCLT20K exists already.*--overwrite"):
        convert_pclt20k(source)
    (source / "0001" / "0001_9_CT.png").unlink()
    with pytest.raises(InputError, match="0001_9: no CT"):
        convert_pclt20k(source, overwrite=True)
    assert (folder / "mine.txt").exists()
    (source / "train.txt").write_text((source / "train.txt").read_text().replace("0001_9\n", ""))
    convert_pclt20k(source, overwrite=True)
    assert sorted(path.name for path in folder.iterdir()) == [
        "dataset.json",
        "imagesTr",
        "imagesTs",
        "labelsTr",
        "labelsTs",
        "patients.json",
        "splits_final.json",
    ]
    assert [path.name for path in nnunet_raw.iterdir()] == [folder.name]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_processes": 0}, "-np from 1"),
        ({"seed": -1}, "--seed from 0"),
        ({"seed": 2**32}, "--seed from 0"),
        ({"dataset_id": 0}, "from 1 to 999"),
    ],
)
def test_bad_options(source, nnunet_raw, options, message):
    with pytest.raises(InputError, match=message):
        convert_pclt20k(source, **options)


def test_a_source_inside_of_the_dataset_is_not_destroyed(source, nnunet_raw):
    target = nnunet_raw / "Dataset605_PCLT20K"
    target.mkdir(parents=True)
    moved = source.rename(target / "PCLT20K")
    for folder in (target, moved):
        with pytest.raises(InputError, match="Move it elsewhere"):
            convert_pclt20k(folder, overwrite=True)
    assert (moved / "0001" / "0001_9_CT.png").exists()


def test_an_interrupted_run_leaves_nothing(source, nnunet_raw, monkeypatch):
    convert_slice = Dataset605_PCLT20K.convert_slice
    done = []

    def interrupted(files, **places):
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append(files)
        return convert_slice(files, **places)

    with monkeypatch.context() as patch:
        patch.setattr(Dataset605_PCLT20K, "convert_slice", interrupted)
        with pytest.raises(KeyboardInterrupt):
            convert_pclt20k(source, num_processes=1)
    assert len(done) == 4
    assert list(nnunet_raw.iterdir()) == []
    convert_pclt20k(source)


def test_what_a_killed_run_left_is_removed(source, nnunet_raw):
    (nnunet_raw / ".Dataset605_PCLT20K.k1lled" / "Dataset605_PCLT20K" / "imagesTr").mkdir(parents=True)
    convert_pclt20k(source)
    assert [path.name for path in nnunet_raw.iterdir()] == ["Dataset605_PCLT20K"]


def test_command(source, nnunet_raw, write_slice, capsys, monkeypatch, tmp_path):
    write_slice(source, "0001_12")
    preprocessed = tmp_path / "preprocessed" / "Dataset606_PCLT20K"
    preprocessed.mkdir(parents=True)
    (preprocessed / "splits_final.json").write_text("[]")
    monkeypatch.setenv("nnUNet_preprocessed", str(preprocessed.parent))
    assert main(["convert_PCLT20K", "-i", str(source), "-d", "606", "-np", "2", "--normalization", "fixed"]) == 0
    out = capsys.readouterr().out
    assert str(nnunet_raw / "Dataset606_PCLT20K") in out
    assert "Split: train.txt and test.txt" in out
    assert "In neither list and left out: 1 slices, 0001_12 first." in out
    assert f"{preprocessed / 'splits_final.json'} has other folds" in out
    assert "nnUNetv2_plan_and_preprocess -d 606 -c 2d" in out
    assert "rgb_to_0_1" in (nnunet_raw / "Dataset606_PCLT20K" / "dataset.json").read_text()


def test_command_makes_a_split_and_says_so(source, nnunet_raw, capsys):
    (source / "train.txt").unlink()
    (source / "test.txt").unlink()
    assert main(["convert_PCLT20K", "-i", str(source), "--seed", "3"]) == 0
    assert "Split: 8:2 by patient from seed 3, as there is no train.txt and test.txt" in capsys.readouterr().out


def test_command_says_in_one_message_what_is_wrong(tmp_path, nnunet_raw, capsys):
    assert main(["convert_PCLT20K", "-i", str(tmp_path / "nowhere")]) == 1
    assert capsys.readouterr().err.startswith("nnUNetv2_cipa convert_PCLT20K: ")


@pytest.mark.slow
def test_nnunet_plans_a_converted_phantom_with_its_folds(tmp_path):
    environment = os.environ | {
        name: str(tmp_path / name) for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")
    }
    environment |= {"nnUNet_def_n_proc": "1", "OMP_NUM_THREADS": "1"}

    def run(*command: str) -> None:
        script = Path(sys.executable).with_name(command[0])
        subprocess.run([str(script), *command[1:]], env=environment, check=True, capture_output=True, text=True)

    make_phantom(tmp_path / "phantom", patients=7, slices_per_patient=3, size=(48, 64))
    run("nnUNetv2_cipa", "convert_PCLT20K", "-i", str(tmp_path / "phantom"))
    run("nnUNetv2_plan_and_preprocess", "-d", "605", "--verify_dataset_integrity", "-npfp", "1", "--no_pp")
    raw, preprocessed = (tmp_path / name / "Dataset605_PCLT20K" for name in ("nnUNet_raw", "nnUNet_preprocessed"))
    assert (preprocessed / "splits_final.json").read_bytes() == (raw / "splits_final.json").read_bytes()
    plans = json.loads((preprocessed / "nnUNetPlans.json").read_text())
    assert plans["configurations"]["2d"]["normalization_schemes"] == ["CTNormalization", "ZScoreNormalization"]


@pytest.mark.skipif(not SARCOMA.is_dir(), reason=f"real data is not there: {SARCOMA}")
def test_real_data(nnunet_raw):
    conversion = convert_pclt20k(SARCOMA)
    assert len(conversion.summary.train) == 353
    assert len(conversion.summary.test) == 94
    assert sum(slice_.tumour_area == 0 for slice_ in (*conversion.summary.train, *conversion.summary.test)) == 50
    assert max(conversion.summary.fold_sizes) - min(conversion.summary.fold_sizes) <= 2
