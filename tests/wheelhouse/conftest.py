"""A small project with the name of ours, and an index of made packages that pip uses instead of the web."""

import tarfile
import zipfile

import pytest

PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "nnunetv2-cipa"
version = "0.0.1"
dependencies = [{requires}]
[tool.setuptools]
py-modules = []
"""


def make_wheel(folder, name, version="1.0", requires=()):
    """A pure wheel with one module."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", f"version = '{version}'\n")
        wheel.writestr(f"{info}/METADATA", metadata)
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


def make_source_distribution(folder, name, version="1.0"):
    """A source distribution with one module, for setuptools."""
    place = folder / f"{name}-{version}"
    place.mkdir()
    (place / f"{name}.py").write_text(f"version = '{version}'\n")
    (place / "PKG-INFO").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (place / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        f'[project]\nname = "{name}"\nversion = "{version}"\n[tool.setuptools]\npy-modules = ["{name}"]\n'
    )
    with tarfile.open(folder / f"{name}-{version}.tar.gz", "w:gz") as archive:
        archive.add(place, place.name)
    for file in place.iterdir():
        file.unlink()
    place.rmdir()


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that is all that pip sees: left is a wheel, shared too, source has to be built, big needs driver.

    Packages are built with what is installed here.
    """
    folder = tmp_path / "index"
    folder.mkdir()
    make_wheel(folder, "left", requires=["shared>=1"])
    make_wheel(folder, "shared")
    make_wheel(folder, "big", requires=["driver", "shared"])
    make_wheel(folder, "driver")
    make_wheel(folder, "newer")
    make_source_distribution(folder, "source")
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL", "PIP_CONSTRAINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")  # pip's way of saying yes to it
    return folder


@pytest.fixture
def project(tmp_path):
    """A function that makes a clone of a project with these requirements."""

    def make(*requires):
        folder = tmp_path / "clone"
        folder.mkdir(exist_ok=True)
        (folder / "pyproject.toml").write_text(PROJECT.format(requires=", ".join(f"'{text}'" for text in requires)))
        return folder

    return make
