"""The cases' files: scripts that call one function with JSON."""

import json
from dataclasses import replace

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.report import case_files
from nnunetv2_cipa.report.case_files import case_file, embedded, write_case_files
from nnunetv2_cipa.report.sources import find_sources


@pytest.mark.parametrize("num_processes", [1, 2])
@pytest.mark.slow
def test_each_case_has_a_file(comparison, tmp_path, num_processes):
    sources = find_sources(comparison)
    size = write_case_files(tmp_path, sources, [(1,)], num_processes=num_processes)
    files = [tmp_path / case_file(number) for number in range(len(sources))]
    assert sorted(tmp_path.iterdir()) == sorted(files)
    assert size == sum(file.stat().st_size for file in files)
    text = files[3].read_text()
    assert text.startswith('receiveCase("3",{')
    assert text.endswith("});\n")
    key, content = embedded(files[3])
    assert (key, json.loads(content)["width"], json.loads(content)["count"]) == ("3", 48, 1)


def test_many_slices_are_in_files_of_their_own(volumes, tmp_path, monkeypatch):
    monkeypatch.setattr(case_files, "SLICES_IN_FILE", 2)
    size = write_case_files(tmp_path, find_sources(volumes), [(1,)], num_processes=1)
    assert size == sum(file.stat().st_size for file in tmp_path.iterdir())
    contents = {key: json.loads(content) for key, content in map(embedded, tmp_path.iterdir())}
    assert contents.keys() == {"0", "0_0", "0_1", "1", "1_0", "1_1"}
    assert (contents["1"]["slices"], contents["1"]["count"], contents["1"]["number"]) == (None, 3, 1)
    assert contents["1"]["numbers"] == [2, 3, 4]
    assert [slice_["number"] for key in ("1_0", "1_1") for slice_ in contents[key]] == [2, 3, 4]


def test_all_faults_are_named(comparison, tmp_path):
    sources = find_sources(comparison)
    (tmp_path / "ada_1.png").write_text("no PNG")
    (tmp_path / "ada_2.png").write_text("no PNG")
    broken = [
        replace(sources[0], reference=tmp_path / "ada_1.png"),
        replace(sources[1], reference=tmp_path / "ada_2.png"),
    ]
    with pytest.raises(InputError) as error:
        write_case_files(tmp_path, [*broken, sources[2]], [(1,)], num_processes=1)
    assert "2 of 3 cases cannot be shown." in str(error.value)
    assert all(f"ada_{number}.png cannot be read" in str(error.value) for number in (1, 2))


def test_bad_arguments(comparison, tmp_path):
    sources = find_sources(comparison)
    with pytest.raises(InputError, match="-np from 1 on"):
        write_case_files(tmp_path, sources, [(1,)], num_processes=0)
    odd = replace(sources[0], reference=tmp_path / f"{sources[0].identifier}.odd")
    with pytest.raises(InputError, match=r"no reader for \.odd files"):
        write_case_files(tmp_path, [odd], [(1,)], num_processes=1)
