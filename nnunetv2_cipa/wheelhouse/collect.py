"""`nnUNetv2_cipa wheelhouse`: a folder that the project can be installed from without network access."""

import importlib.metadata
import json
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlparse

from nnunetv2_cipa import __version__
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.files import new_file

from .wheels import Target, Wheel, here, pip, resolve

DISTRIBUTION = "nnunetv2-cipa"
CLAIM = "wheelhouse.json"

README = """# {distribution} {version} for Python {target.python}, {target.platform}

Install without network access:

    pip install --no-index --find-links . {distribution}

pip keeps what is installed already where it fits.{without} The exact versions here, whatever is installed, in a new
environment:

    pip install --no-index --find-links . --no-deps --require-hashes -r requirements.txt

Then `nnUNetv2_cipa doctor` tells whether all is well. The compiled kernel was built on the machine that made this
folder and needs its glibc or a newer one; elsewhere the slower PyTorch implementation is used.
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    default = here()
    parser.add_argument("-o", type=Path, required=True, metavar="FOLDER", help="where the wheels go")
    parser.add_argument(
        "--python", default=default.python, metavar="VERSION", help="of the target (default: %(default)s)"
    )
    parser.add_argument(
        "--platform", default=default.platform, metavar="NAME", help="of the target (default: %(default)s)"
    )
    parser.add_argument(
        "--without",
        nargs="+",
        default=[],
        metavar="PROJECT",
        help="what the target has, such as torch torchvision: left out, with all that only it requires",
    )
    parser.add_argument(
        "--project", type=Path, metavar="FOLDER", help="clone to build our own wheel from (default: the installed one)"
    )


def run(arguments: Namespace) -> None:
    """Collect what is not there yet, and say how to install it."""
    folder: Path = arguments.o.resolve()
    target = Target(arguments.python, arguments.platform)
    project = arguments.project or _installed_from()
    if not (project / "pyproject.toml").is_file():
        raise InputError(f"{project} is no clone of the project: it has no pyproject.toml. Give one with --project.")
    without = sorted(arguments.without)
    _claim(folder, {"python": target.python, "platform": target.platform, "without": without})
    own = _build_project(project, folder)
    wheels = resolve(f"{DISTRIBUTION} @ {own.as_uri()}", folder, target, without)
    _download(folder, wheels, target)
    _remove_others(folder, wheels)
    _write(folder / "README.md", _readme(target, without))
    size = sum((folder / wheel.file).stat().st_size for wheel in wheels)
    print(f"{len(wheels)} wheels, {size / 1e6:.0f} MB: {folder}\n")
    print(f"pip install --no-index --find-links {folder} {DISTRIBUTION}")


def _installed_from() -> Path:
    """The clone that the running installation came from.

    Raises:
        InputError: it came from a wheel or an index.
    """
    record = importlib.metadata.distribution(DISTRIBUTION).read_text("direct_url.json")
    url = urlparse(json.loads(record)["url"] if record else "")
    place = Path(unquote(url.path))
    if url.scheme != "file" or not place.is_dir():
        raise InputError("The project was not installed from a folder here. Give a clone of it with --project.")
    return place


def _claim(folder: Path, settings: dict[str, object]) -> None:
    """Make the folder one of wheels for this target, or find that it is.

    Raises:
        InputError: it holds something else.
    """
    claim = folder / CLAIM
    if claim.exists():
        if json.loads(claim.read_text(encoding="utf-8")) != settings:
            raise InputError(f"{folder} holds wheels for another target ({claim}). Choose another folder.")
        return
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is neither empty nor a folder of wheels of an earlier call. Choose another one.")
    folder.mkdir(parents=True, exist_ok=True)
    _write(claim, json.dumps(settings, indent=1) + "\n")


def _build_project(project: Path, folder: Path) -> Path:
    """Build our own wheel, and return its place."""
    with tempfile.TemporaryDirectory(prefix=".own.", dir=folder) as place:
        words = ["--quiet", "--no-deps", "--wheel-dir", place, str(project)]
        pip(f"build the wheel of {DISTRIBUTION} {__version__}", "wheel", *words)
        [wheel] = Path(place).glob("*.whl")
        return wheel.replace(folder / wheel.name)


def _download(folder: Path, wheels: Sequence[Wheel], target: Target) -> None:
    """Fetch wheels that are not there; their hashes are checked, also of those that are."""
    requirements = [f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n" for wheel in wheels]
    file = folder / "requirements.txt"
    _write(file, "".join(requirements))
    options = ["--no-deps", "--require-hashes", "--dest", str(folder), "--find-links", str(folder)]
    words = ["--progress-bar", "off", *options, *target.pip_options, "-r", str(file)]
    pip(f"download {len(wheels)} wheels, as far as they are not there", "download", *words)
    absent = [wheel.file for wheel in wheels if not (folder / wheel.file).is_file()]
    if absent:
        raise InputError(f"pip has downloaded other files than it had chosen; missing: {', '.join(absent)}.")


def _remove_others(folder: Path, wheels: Sequence[Wheel]) -> None:
    """Remove wheels of earlier calls, and those that are left out."""
    wanted = {wheel.file for wheel in wheels}
    for file in folder.glob("*.whl"):
        if file.name not in wanted:
            file.unlink()


def _readme(target: Target, without: Sequence[str]) -> str:
    left_out = f" Not here, and so to be there: {', '.join(without)}." if without else ""
    return README.format(distribution=DISTRIBUTION, version=__version__, target=target, without=left_out)


def _write(file: Path, text: str) -> None:
    with new_file(file, overwrite=True) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
