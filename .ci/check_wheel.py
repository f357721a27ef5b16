"""Test an installed wheel from outside the checkout: it has a compiled kernel, which passes the tests of the scan.

Usage: python .ci/check_wheel.py CHECKOUT, in an environment with the wheel, pytest and hypothesis.
"""

import os
import subprocess
import sys
import tempfile
from importlib.metadata import distribution
from pathlib import Path

TESTS = ("native", "scan", "network")


def main(checkout: Path) -> int:
    """Check and test; the exit code is that of pytest, or 1 where the wheel is not complete."""
    import nnunetv2_cipa
    from nnunetv2_cipa.native import library

    package = Path(nnunetv2_cipa.__file__).parent
    if checkout in package.parents:
        return _fault(f"{package} is the checkout, not an installed wheel.")
    if isinstance(problem := library.load(), str):
        return _fault(problem)
    found = {Path(file.locate()).resolve() for file in distribution("nnunetv2-cipa").files or ()}
    trainers = os.environ.get("nnUNet_extTrainer", "").split(os.pathsep)
    if package / "ext_trainer" not in map(Path, trainers) or package / "py.typed" not in found:
        return _fault("nnU-Net does not find the trainers, or files are missing.")
    print(f"{package}: kernel for {library.instruction_set()}")
    folders = [str(checkout / "tests" / name) for name in TESTS]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(checkout / "pyproject.toml")]
    with tempfile.TemporaryDirectory() as elsewhere:
        return subprocess.run([*command, "-m", "not slow", *folders], cwd=elsewhere).returncode


def _fault(message: str) -> int:
    print(message, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
