"""setuptools' build backend, with `nnunetv2_cipa.pth` added at the root of every wheel, editable ones included.

Python runs the `.pth` files of site-packages when it starts; ours puts the folder where nnU-Net finds our trainers into
`nnUNet_extTrainer`. setuptools cannot be told to ship such a file, hence these wrappers of its wheel hooks.
"""

import base64
import hashlib
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from setuptools import build_meta
from setuptools.build_meta import (
    build_sdist,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

# These files run in alphabetical order: ours, which looks for the package, after the `__editable__*.pth` of setuptools.
PTH_FILE = Path(__file__).with_name("nnunetv2_cipa.pth")

Settings = Mapping[str, str | list[str] | None]


def build_wheel(
    wheel_directory: str, config_settings: Settings | None = None, metadata_directory: str | None = None
) -> str:
    """Build a wheel as setuptools does and add the `.pth` file; returns the wheel's file name."""
    return _with_pth(wheel_directory, build_meta.build_wheel(wheel_directory, config_settings, metadata_directory))


def build_editable(
    wheel_directory: str, config_settings: Settings | None = None, metadata_directory: str | None = None
) -> str:
    """Build an editable wheel as setuptools does and add the `.pth` file; returns the wheel's file name."""
    return _with_pth(wheel_directory, build_meta.build_editable(wheel_directory, config_settings, metadata_directory))


def _with_pth(wheel_directory: str, wheel_name: str) -> str:
    content = PTH_FILE.read_bytes()
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    record_line = f"{PTH_FILE.name},sha256={digest},{len(content)}\n".encode()
    wheel = Path(wheel_directory, wheel_name)
    with tempfile.TemporaryDirectory(dir=wheel_directory) as folder:
        complete = Path(folder, wheel_name)
        with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(complete, "w", zipfile.ZIP_DEFLATED) as new:
            for entry in old.infolist():
                data = old.read(entry)
                if entry.filename.endswith(".dist-info/RECORD"):
                    new.writestr(PTH_FILE.name, content)
                    data = record_line + data
                new.writestr(entry, data)
        complete.replace(wheel)
    return wheel_name
