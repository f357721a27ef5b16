"""The project, built, and installed in environments that borrow all else from the one that runs the tests."""

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DISTRIBUTED = (
    "CHANGELOG.md CITATION.cff CONTRIBUTING.md LICENSE MANIFEST.in Makefile NOTICE README.md SECURITY.md "
    "pyproject.toml setup.py benchmarks build_backend dataset_conversion docs nnunetv2_cipa notebooks tests"
)
EMPTY_COMPILER = """#!/bin/sh
while [ $# -gt 0 ]; do
    [ "$1" = -o ] && : > "$2"
    shift
done
"""


@dataclass(frozen=True)
class Environment:
    """A virtual environment that sees the outer site-packages folders, but runs none of the `.pth` files in them."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def site_packages(self) -> Path:
        return next(self.folder.glob("lib/python*/site-packages"))

    def run(self, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run this environment's Python, as started from a shell where only `variables` are set for it and nnU-Net."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "nnUNet_", "VIRTUAL_ENV"))}
        return subprocess.run(
            [self.python, *arguments], env=inherited | variables, cwd=self.folder, capture_output=True, text=True
        )

    def pip(self, *arguments: str | Path) -> None:
        """Run pip where there is no compiler: building takes seconds, and has to work without one."""
        finished = self.run("-m", "pip", "--disable-pip-version-check", *arguments, CC="false", CXX="false")
        assert finished.returncode == 0, finished.stdout + finished.stderr


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's files, as a fresh clone has them."""
    folder = tmp_path_factory.mktemp("a checkout") / "project"
    folder.mkdir()
    for name in DISTRIBUTED.split():
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.so", "_build")
            shutil.copytree(source, folder / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy(source, folder / name)
    return folder


@pytest.fixture(scope="session")
def built(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution and the wheel that was built from it.

    Compiling the native scan takes a minute and is tested where it is used; here a stand-in makes empty files.
    """
    compiler = tmp_path_factory.mktemp("compiler") / "c++"
    compiler.write_text(EMPTY_COMPILER)
    compiler.chmod(0o755)
    folder = tmp_path_factory.mktemp("built")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, checkout]
    variables = os.environ | {"CC": str(compiler), "CXX": str(compiler)}
    finished = subprocess.run(command, env=variables, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return folder


@pytest.fixture(scope="session")
def make_environment(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Environment]:
    """A function that makes an environment without the project, in a folder with a space in its name."""

    def make() -> Environment:
        environment = Environment(tmp_path_factory.mktemp("an environment"))
        venv.create(environment.folder, symlinks=True)
        outer = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
        (environment.site_packages / "dependencies.pth").write_text("\n".join(outer))
        return environment

    return make


@pytest.fixture(scope="session", params=["wheel", "editable"])
def pip_install(request: pytest.FixtureRequest, built: Path, checkout: Path) -> list[str | Path]:
    """The arguments of pip that install the project: its wheel, then a checkout with `-e`."""
    how = {
        "wheel": [next(built.glob("*.whl"))],
        "editable": ["--no-build-isolation", "--editable", checkout],
    }
    return ["install", "--no-deps", "--no-index", "--ignore-installed", *how[request.param]]


@pytest.fixture(scope="session")
def installed(pip_install: list[str | Path], make_environment: Callable[[], Environment]) -> Environment:
    """An environment with the project in it."""
    environment = make_environment()
    environment.pip(*pip_install)
    return environment
