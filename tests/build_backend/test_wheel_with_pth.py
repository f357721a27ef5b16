"""What the distributions contain, and that uninstalling leaves nothing."""

import tarfile
import zipfile
from pathlib import Path

import pytest

from nnunetv2_cipa import __version__

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def test_source_distribution_can_build_and_test_itself(built):
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    needed = {
        "build_backend/nnunetv2_cipa.pth",
        "build_backend/wheel_with_pth.py",
        "dataset_conversion/__init__.py",
        "LICENSE",
        "NOTICE",
        "Makefile",
        "setup.py",
        "benchmarks/scan.py",
        "notebooks/kaggle.ipynb",
        "tests/build_backend/test_wheel_with_pth.py",
    }
    linked = {f"nnunetv2_cipa/dataset_conversion/{path.name}" for path in (ROOT / "dataset_conversion").glob("*.py")}
    assert needed | linked <= names  # without the latter, mypy does not find the package that is linked there


def test_names_say_the_version_and_which_machines_a_wheel_is_for(built):
    """The kernel is a plain library: any Python 3, one platform."""
    names = sorted(path.name for path in built.iterdir())
    assert names[0].startswith(f"nnunetv2_cipa-{__version__}-py3-none-")
    assert not names[0].endswith("-any.whl")
    assert names[1:] == [f"nnunetv2_cipa-{__version__}.tar.gz"]


def test_wheel_has_every_module(built):
    """A new package needs no entry in a list."""
    folders = {"nnunetv2_cipa": "nnunetv2_cipa", "dataset_conversion": "nnunetv2_cipa/dataset_conversion"}
    modules = {
        f"{inside}/{path.relative_to(ROOT / folder).as_posix()}"
        for folder, inside in folders.items()
        for path in (ROOT / folder).rglob("*.py")
    }
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        packed = {name for name in wheel.namelist() if name.endswith(".py")}
    assert packed == modules


def test_wheel_has_the_package_and_the_pth_file_and_nothing_else_at_its_root(built):
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = wheel.namelist()
        assert wheel.testzip() is None
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"nnunetv2_cipa", "nnunetv2_cipa.pth"}
    assert "nnunetv2_cipa/dataset_conversion/__init__.py" in names
    assert "nnunetv2_cipa/py.typed" in names
    assert "nnunetv2_cipa/ext_trainer/nnunetv2_cipa_trainers.py" in names
    assert len(names) == len(set(names))


def test_wheel_has_the_compiled_kernels_and_no_sources_of_them(built):
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = wheel.namelist()
    assert "nnunetv2_cipa/native/_kernels.abi3.so" in names
    assert not [name for name in names if name.endswith((".cpp", ".hpp"))]


def test_pip_knows_every_installed_file(installed):
    """`pip check`s of the kind that compare RECORD with the disk find nothing: sizes and hashes are right."""
    code = """
import base64, hashlib, importlib.metadata
for file in importlib.metadata.distribution("nnunetv2-cipa").files:
    content = file.locate().read_bytes()
    if file.hash is not None:
        digest = base64.urlsafe_b64encode(hashlib.new(file.hash.mode, content).digest()).rstrip(b"=").decode()
        assert (file.size, file.hash.value) == (len(content), digest), file
    print(file)
"""
    finished = installed.run("-c", code)
    assert finished.returncode == 0, finished.stderr
    assert "nnunetv2_cipa.pth" in finished.stdout.splitlines()


@pytest.mark.parametrize("module", ["nnunetv2_cipa.cli", "nnunetv2_cipa.dataset_conversion"])
def test_package_is_importable_from_its_own_place(installed, checkout, module):
    finished = installed.run("-c", f"import {module}; print({module}.__file__)")
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.startswith((str(installed.folder), str(checkout)))


def test_uninstalling_leaves_nothing(make_environment, pip_install):
    def files():
        found = (path.relative_to(environment.folder) for path in environment.folder.rglob("*"))
        return {path for path in found if "__pycache__" not in path.parts}

    environment = make_environment()
    before = files()
    environment.pip(*pip_install)
    assert any(path.name == "nnunetv2_cipa.pth" for path in files() - before)
    environment.pip("uninstall", "--yes", "nnunetv2-cipa")
    assert files() == before
    finished = environment.run("-c", "import os; print(os.environ.get('nnUNet_extTrainer'))")
    assert (finished.stdout, finished.stderr) == ("None\n", "")
