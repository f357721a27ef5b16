"""The notebook, executed on a phantom in an environment that has all but the project, as Kaggle's has PyTorch."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import venv
import zipfile
from pathlib import Path

import nbformat
import pytest

from nnunetv2_cipa.submission import read_sample

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "notebooks" / "kaggle.ipynb"
PACKAGED = "LICENSE NOTICE README.md pyproject.toml setup.py build_backend dataset_conversion nnunetv2_cipa"

OPTIONS = ("--trainers", "nnUNetTrainerCIPA_moment", "--folds", "0", "-device", "cpu")

TRAINER = '''
from nnunetv2_cipa.training.trainers import nnUNetTrainerCIPA_quick


class nnUNetTrainerCIPA_moment(nnUNetTrainerCIPA_quick):
    """Two iterations."""

    def __init__(self, plans, configuration, fold, dataset_json, device):
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.num_epochs, self.num_iterations_per_epoch, self.num_val_iterations_per_epoch = 1, 2, 1
'''

EXECUTE = """
import sys
import nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
try:
    nbclient.NotebookClient(notebook, timeout=3000, kernel_name="python3").execute()
finally:
    nbformat.write(notebook, sys.argv[2])
"""


def run(*command, **options):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def kaggle(tmp_path_factory):
    """A folder with an environment without the project, its wheel, a phantom and a sample submission."""
    folder = tmp_path_factory.mktemp("kaggle")
    _make_environment(folder / "venv")
    _make_wheel(folder)
    phantom = ("make_phantom", "-o", folder / "data", "--patients", "10", "--slices", "2", "--size", "32")
    run(sys.executable, "-m", "nnunetv2_cipa.cli", *phantom)
    cases = sorted((folder / "data" / "test.txt").read_text().split(), reverse=True)
    (folder / "sample.csv").write_text("".join(["case,mask\n", *(f"{case},1 1\n" for case in cases)]))
    (folder / "trainers").mkdir()
    (folder / "trainers" / "a_moment.py").write_text(TRAINER)
    return folder


def _make_environment(folder):
    """All that is installed here, by links, but nothing of the project."""
    venv.create(folder, symlinks=True)
    inside = next(folder.glob("lib/python*/site-packages"))
    outside = [Path(path) for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    for entry in (entry for place in outside for entry in place.iterdir()):
        if "nnunetv2_cipa" not in entry.name and not (inside / entry.name).exists():
            (inside / entry.name).symlink_to(entry)
    for script in Path(sys.executable).parent.glob("nnUNetv2_*"):
        if script.name != "nnUNetv2_cipa":
            _, _, code = script.read_text().partition("\n")
            copy = folder / "bin" / script.name
            copy.write_text(f"#!{folder}/bin/python\n{code}")
            copy.chmod(0o755)


def _make_wheel(folder):
    """Our own wheel, without the compiled kernel: compiling takes a minute and is tested where it is used."""
    clone = folder / "clone"
    clone.mkdir()
    for name in PACKAGED.split():
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, clone / name)
    for built in clone.rglob("*.so"):
        built.unlink()
    words = ("wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder / "wheels", clone)
    run(sys.executable, "-m", "pip", *words, env={**os.environ, "CC": "false", "CXX": "false"})
    info = "argparse-1.4.0.dist-info"  # unittest2 requires it; it is part of Python, so that environments lack it
    with zipfile.ZipFile(folder / "wheels" / "argparse-1.4.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: argparse\nVersion: 1.4.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def _environment(kaggle, **settings):
    """Variables as for the notebook, in a shell where nothing of nnU-Net's or pip's is set."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("nnUNet_", "PIP_", "PYTHON", "VIRTUAL_ENV"))}
    few = {"nnUNet_n_proc_DA": "1", "nnUNet_def_n_proc": "1", "OMP_NUM_THREADS": "1", "GOMP_SPINCOUNT": "10000"}
    return {
        **inherited,
        **few,
        **{f"CIPA_{name}": str(value) for name, value in settings.items()},
        "nnUNet_extTrainer": str(kaggle / "trainers"),
        "JUPYTER_DATA_DIR": str(kaggle / "jupyter"),
        "IPYTHONDIR": str(kaggle / "ipython"),
        "PIP_CONFIG_FILE": os.devnull,
        "PATH": os.pathsep.join((str(kaggle / "venv" / "bin"), os.environ["PATH"])),
    }


def _stop_after_conversion(kaggle, run_folder):
    """What an earlier version leaves that was stopped while planning."""
    command = (sys.executable, "-m", "nnunetv2_cipa.cli", "run", "-i", kaggle / "data", "-o", run_folder, *OPTIONS)
    ledger = run_folder / "steps.jsonl"
    environment = _environment(kaggle)
    with (kaggle / "earlier.log").open("w") as log:
        process = subprocess.Popen([*map(str, command)], env=environment, stdout=log, stderr=subprocess.STDOUT)
        while process.poll() is None and not (ledger.exists() and '"step": "plan"' in ledger.read_text()):
            time.sleep(0.2)
        process.terminate()
    assert process.wait() == 128 + signal.SIGTERM, (kaggle / "earlier.log").read_text()


def test_from_data_to_submission_going_on_from_an_earlier_version(kaggle):
    working, executed = kaggle / "working", kaggle / "executed.ipynb"
    _stop_after_conversion(kaggle, working / "run")
    working.rename(kaggle / "earlier")
    working.mkdir()
    paths = {"DATA": "data", "WHEELS": "wheels", "SAMPLE": "sample.csv", "EARLIER": "earlier", "WORKING": "working"}
    settings = {name: kaggle / path for name, path in paths.items()}
    environment = _environment(kaggle, **settings, OPTIONS=" ".join(OPTIONS))
    run(kaggle / "venv" / "bin" / "python", "-c", EXECUTE, NOTEBOOK, executed, env=environment, cwd=working)

    cells = nbformat.read(executed, as_version=4).cells
    said = "".join(part.get("text", "") for cell in cells for part in cell.get("outputs", ()))
    assert f"{kaggle}/venv/lib" in said, "the project was not installed from the wheels"
    assert "Resuming" in said
    assert "convert: done before" in said
    assert said.count("done before") == 1
    submission, sample = read_sample(working / "submission.csv"), read_sample(kaggle / "sample.csv")
    assert (submission.columns, submission.ids) == (sample.columns, sample.ids)


def test_the_notebook_is_kept_without_outputs():
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
