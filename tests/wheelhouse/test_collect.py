"""The command with the real pip, on a small project."""

import json
import subprocess
import sys

import pytest

from nnunetv2_cipa import cli

REQUIRES = ("left", "source", "big>=1", 'newer; python_version >= "3.13"')


@pytest.fixture
def collect(tmp_path):
    def call(project, *words):
        return cli.main(["wheelhouse", "-o", str(tmp_path / "wheels"), "--project", str(project), *words])

    return call


def names(folder):
    return sorted(file.name.partition("-")[0] for file in folder.glob("*.whl"))


@pytest.mark.slow
def test_an_offline_machine_can_install_from_the_folder(index, project, collect, tmp_path, capsys, monkeypatch):
    folder = tmp_path / "wheels"
    words = ("--python", "3.12", "--without", "big")
    assert collect(project(*REQUIRES), *words) == 0, capsys.readouterr().err
    assert names(folder) == ["left", "nnunetv2_cipa", "shared", "source"]
    assert "4 wheels" in capsys.readouterr().out
    assert "and so to be there: big." in (folder / "README.md").read_text()
    assert (folder / "requirements.txt").read_text().count("--hash=sha256:") == 4

    monkeypatch.setenv("PIP_FIND_LINKS", "")
    install = [sys.executable, "-m", "pip", "install", "--no-index", "--find-links", folder, "--target", tmp_path / "t"]
    locked = ["--no-deps", "--require-hashes", "-r", folder / "requirements.txt"]
    done = subprocess.run([*install, *locked], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "t" / "source.py").is_file()

    with monkeypatch.context() as patch:  # again: what is there is checked, what is spoilt or foreign goes
        patch.setenv("PIP_FIND_LINKS", str(index))
        spoilt = folder / "left-1.0-py3-none-any.whl"
        sound = spoilt.read_bytes()
        spoilt.write_bytes(b"spoilt")
        (folder / "left-0.9-py3-none-any.whl").write_bytes(sound)
        assert collect(project(*REQUIRES), *words) == 0, capsys.readouterr().err
        assert names(folder) == ["left", "nnunetv2_cipa", "shared", "source"]
        assert spoilt.read_bytes() == sound


@pytest.mark.slow
def test_what_cannot_be_found_is_told(index, project, collect, tmp_path, capsys):
    assert collect(project("left", "nowhere>=2")) == 1
    assert "nowhere>=2" in capsys.readouterr().err
    assert not (tmp_path / "wheels" / "requirements.txt").exists()


def test_folders_of_others_are_left_alone(index, project, collect, tmp_path, capsys):
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "thesis.tex").touch()
    assert collect(project("left")) == 1
    assert "neither empty nor" in capsys.readouterr().err
    (tmp_path / "wheels" / "thesis.tex").unlink()
    (tmp_path / "wheels" / "wheelhouse.json").write_text(json.dumps({"python": "3.9"}))
    assert collect(project("left")) == 1
    assert "for another target" in capsys.readouterr().err


def test_a_clone_is_needed(collect, tmp_path, capsys):
    assert collect(tmp_path) == 1
    assert "is no clone of the project" in capsys.readouterr().err
