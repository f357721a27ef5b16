import subprocess
import sys


def joined(*words):
    command = [sys.executable, "-m", "nnunetv2_cipa.cluster.join", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True)


def test_files_of_all_parts_are_there(tmp_path):
    for part, case in enumerate(("a", "b")):
        (tmp_path / f"{part}").mkdir()
        (tmp_path / f"{part}" / f"{case}.png").write_text(case)
        (tmp_path / f"{part}" / "dataset.json").write_text(f"{part}")
    assert joined("-i", tmp_path / "0", tmp_path / "1", "-o", tmp_path / "all").returncode == 0
    files = {file.name: file.read_text() for file in (tmp_path / "all").iterdir()}
    assert files == {"a.png": "a", "b.png": "b", "dataset.json": "0"}


def test_a_case_in_two_parts_is_told(tmp_path):
    for part in ("0", "1"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "a.png").touch()
    done = joined("-i", tmp_path / "0", tmp_path / "1", "-o", tmp_path / "all")
    assert done.returncode == 1
    assert "a.png is in" in done.stderr
