"""Whose folder it is: empty ones, own ones, and those that hold something else."""

import json
from dataclasses import replace

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.pipeline.claim import VERSION, claim, refuse_foreign


@pytest.fixture
def folder(workspace):
    workspace.folder.mkdir()
    return workspace.folder


def test_a_folder_that_is_not_there_is_free(workspace):
    refuse_foreign(workspace)
    assert not workspace.folder.exists()


@pytest.mark.parametrize("left", [(), (".lock",), ("run.json.unfinished",), (".lock", "run.json.unfinished")])
def test_what_an_early_end_leaves_is_no_claim(workspace, folder, left):
    for name in left:
        (folder / name).touch()
    refuse_foreign(workspace)


def test_a_claim_says_what_the_run_is_of(workspace, folder):
    claim(workspace)
    assert [path.name for path in folder.iterdir()] == ["run.json"]
    expected = {"data": str(workspace.source.folder), "dataset": "Dataset605_PCLT20K", "version": VERSION}
    assert json.loads((folder / "run.json").read_text()) == expected
    (folder / "logs").mkdir()
    refuse_foreign(workspace)


def test_a_run_of_other_data_is_left_alone(workspace, folder, tmp_path):
    claim(workspace)
    elsewhere = replace(workspace, source=replace(workspace.source, folder=tmp_path / "other"))
    renamed = replace(workspace, source=replace(workspace.source, dataset="Dataset606_PCLT20K"))
    for other in (elsewhere, renamed):
        with pytest.raises(InputError, match=rf"holds a run with {workspace.source.folder} as Dataset605_PCLT20K\."):
            refuse_foreign(other)


@pytest.mark.parametrize("version", [None, 1, 3])
def test_a_run_of_another_version_is_left_alone(workspace, folder, version):
    claim(workspace)
    settings = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**settings, "version": version}))
    with pytest.raises(InputError, match="an earlier version, where seed 0 was a training without seed"):
        refuse_foreign(workspace)


@pytest.mark.parametrize(
    "content", ["", "no JSON", "[]", "3", "{}", '{"data": "/other"}', '{"name": "of another tool"}']
)
def test_a_file_of_that_name_that_is_not_ours_is_left_alone(workspace, folder, content):
    (folder / "run.json").write_text(content)
    with pytest.raises(InputError, match=r"run\.json was not written by a run of ours\. Choose another folder"):
        refuse_foreign(workspace)
    assert (folder / "run.json").read_text() == content


def test_other_files_are_named_the_first_three_of_them(workspace, folder):
    for name in ("d", "b", ".lock", "a", "c"):
        (folder / name).touch()
    with pytest.raises(InputError, match=r"neither empty nor an earlier run: it holds a, b, c\. Choose"):
        refuse_foreign(workspace)
    assert {path.name for path in folder.iterdir()} == {"a", "b", "c", "d", ".lock"}
