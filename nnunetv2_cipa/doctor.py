"""`nnUNetv2_cipa doctor`: what is installed, what will be used, and what keeps training from starting."""

import argparse
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import site
import sys
import sysconfig
import traceback
from pathlib import Path

from packaging.requirements import Requirement

import nnunetv2_cipa
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.trainer_search import find_trainer

DISTRIBUTION = "nnunetv2-cipa"
TRAINER = "nnUNetTrainerCIPA"
VARIABLE = "nnUNet_extTrainer"
PTH_FILE = "nnunetv2_cipa.pth"
PACKAGE_FOLDER = Path(nnunetv2_cipa.__path__[0])
TRAINER_FOLDER = PACKAGE_FOLDER / "ext_trainer"
OLDEST_COMPILED_GPU = (7, 0)
COMPILE = ("true", "1", "t")
"""Values of nnUNet_compile that mean yes."""


class Findings:
    """Prints each finding at once and counts the problems."""

    def __init__(self) -> None:
        self.problems = 0

    def section(self, title: str) -> None:
        """Begin a group of findings."""
        print(f"\n{title}")

    def fact(self, name: str, value: object) -> None:
        """Something that is as it is."""
        print(f"  {name:<29} {value}")

    def note(self, text: str) -> None:
        """Something worth knowing that does not keep training from starting."""
        print(f"  note: {text}")

    def problem(self, what: str, remedy: str) -> None:
        """Something that keeps training from starting, and what to do."""
        self.problems += 1
        print(f"  PROBLEM: {what}\n    -> {remedy}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command takes no arguments."""


def run(arguments: argparse.Namespace) -> None:
    """Examine this environment and print what was found.

    Raises:
        InputError: training can't start.
    """
    findings = Findings()
    check_versions(findings)
    check_trainer(findings)
    devices = check_devices(findings)
    check_scan(findings, devices)
    check_folders(findings)
    print()
    if findings.problems:
        problems = "one problem" if findings.problems == 1 else f"{findings.problems} problems"
        raise InputError(f"training can't start: {problems}, marked PROBLEM above.")
    print("Training can start.")


def check_versions(findings: Findings) -> None:
    """Versions of Python, of this package and of all that it requires."""
    findings.section("Versions")
    findings.fact("python", f"{platform.python_version()} ({sys.executable})")
    findings.fact("system", platform.platform())
    findings.fact(DISTRIBUTION, f"{nnunetv2_cipa.__version__} ({PACKAGE_FOLDER})")
    try:
        requirements = [Requirement(line) for line in importlib.metadata.requires(DISTRIBUTION) or []]
    except importlib.metadata.PackageNotFoundError:
        findings.problem(f"{DISTRIBUTION} runs from a folder, but is not installed.", "Install it with pip.")
        return
    for requirement in requirements:
        marker = requirement.marker
        if marker is None or marker.evaluate():
            check_requirement(findings, requirement, needed=True)
        elif marker.evaluate({"extra": "cuda"}):
            check_requirement(findings, requirement, needed=False)


def check_requirement(findings: Findings, requirement: Requirement, needed: bool) -> None:
    """The version of one required (or, where not `needed`, optional) distribution."""
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        findings.fact(requirement.name, "not installed" if needed else "not installed (optional)")
        if needed:
            findings.problem(f"{requirement.name} is missing.", f"pip install '{requirement}'")
        return
    findings.fact(requirement.name, version)
    if not requirement.specifier.contains(version, prereleases=True):
        findings.problem(f"{requirement} is needed, not {version}.", f"pip install '{requirement}'")


def check_trainer(findings: Findings) -> None:
    """Whether nnU-Net's own look-up finds the trainer, and if not, why."""
    findings.section("Trainer")
    folders = [folder for folder in os.environ.get(VARIABLE, "").split(os.pathsep) if folder]
    for folder in folders:
        whose = "of nnunetv2-cipa" if Path(folder) == TRAINER_FOLDER else "yours"
        findings.fact(VARIABLE, f"{folder} ({whose if Path(folder).is_dir() else 'does not exist'})")
    if TRAINER_FOLDER not in map(Path, folders):
        export = os.pathsep.join([*folders, str(TRAINER_FOLDER)])
        findings.problem(
            f"nnU-Net does not search the folder of {TRAINER}: {_why_not_searched()}.",
            f"Put that right, or: export {VARIABLE}='{export}'",
        )
        return
    try:
        trainer = find_trainer(TRAINER)
    except Exception as error:  # whatever any module on the way raises is the finding
        cause = error.__cause__ if isinstance(error, InputError) and error.__cause__ else error
        places = traceback.extract_tb(cause.__traceback__)
        place = next(place for place in reversed(places) if not place.filename.startswith("<"))
        findings.problem(
            f"nnU-Net's search for {TRAINER} ended with {type(cause).__name__}: {cause}",
            f"It came from line {place.lineno} of {place.filename}: mend or reinstall what that belongs to.",
        )
        return
    findings.fact(TRAINER, f"found: {trainer.__module__}")
    _note_other_command(findings)


def _why_not_searched() -> str:
    if sys.flags.no_site:
        return "Python was started with -S, so no .pth file was run"
    folders = [*site.getsitepackages(), *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]
    if any(Path(folder, PTH_FILE).is_file() for folder in folders):
        return f"{VARIABLE} was changed after Python had started"
    return f"{PTH_FILE} is in no folder where Python runs such files (it is not, after pip install --target)"


def _note_other_command(findings: Findings) -> None:
    command = shutil.which("nnUNetv2_train")
    own = {sysconfig.get_path("scripts"), sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user"))}
    if command is None:
        findings.note(f"nnUNetv2_train is not on your PATH. Activate this environment ({sys.prefix}).")
    elif str(Path(command).parent) not in own:
        findings.note(f"{command} may belong to another Python than this one ({sys.prefix}).")


def check_devices(findings: Findings) -> list[str]:
    """Devices that PyTorch can use, as it names them, threads and torch.compile."""
    findings.section("Devices")
    try:
        import torch
    except (ImportError, OSError) as error:
        findings.problem(f"PyTorch can't be imported: {error}", "Install a PyTorch that fits this machine.")
        return []
    findings.fact("CUDA of this PyTorch", torch.version.cuda or "none: built without")
    devices = ["cpu"]
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        card = torch.cuda.get_device_properties(index)
        devices.append(f"cuda:{index}")
        findings.fact(
            devices[-1], f"{card.name}, {card.total_memory / 2**30:.1f} GiB, capability {card.major}.{card.minor}"
        )
        check_compilation(findings, (card.major, card.minor))
    if torch.backends.mps.is_available():
        devices.append("mps")
        findings.fact("mps", "available")
    findings.fact("cpu", f"{os.cpu_count()} cores, {torch.get_num_threads()} threads for PyTorch")
    for variable, default in (("nnUNet_def_n_proc", "8"), ("nnUNet_n_proc_DA", "12, at most the number of cores")):
        findings.fact(variable, os.environ.get(variable, f"not set (nnU-Net takes {default})"))
    if os.environ.get("nnUNet_n_proc_DA") == "0":
        findings.note("nnUNet_n_proc_DA=0 is for training; nnU-Net can't plan with it. Plan with 1.")
    if not torch.cuda.is_available():
        _note_missing_gpu(findings)
    return devices


def _note_missing_gpu(findings: Findings) -> None:
    driver = ", though nvidia-smi is there: driver and PyTorch may not fit" if shutil.which("nvidia-smi") else ""
    findings.note(f"No GPU that PyTorch can use{driver}.")
    findings.note("nnU-Net's commands want a GPU unless told otherwise: -device cpu (or mps).")
    if (compiled := os.environ.get("nnUNet_compile", "")).lower() in COMPILE:
        findings.note(
            f"nnUNet_compile={compiled} makes nnU-Net compile networks for prediction on the CPU too. That takes "
            "minutes and saves seconds: unset nnUNet_compile."
        )


def check_compilation(findings: Findings, capability: tuple[int, int]) -> None:
    """Whether torch.compile works on a GPU, if nnU-Net is going to use it."""
    if os.environ.get("nnUNet_compile", "true").lower() not in COMPILE or os.name == "nt":
        findings.fact("torch.compile", "switched off")
    elif importlib.util.find_spec("triton") is None:
        findings.problem(
            "torch.compile needs triton, which is missing.", "pip install triton, or: export nnUNet_compile=f"
        )
    elif capability < OLDEST_COMPILED_GPU:
        findings.problem("torch.compile does not support this GPU (capability 7.0).", "export nnUNet_compile=f")
    else:
        findings.fact("torch.compile", "used by nnU-Net on this GPU (export nnUNet_compile=f to switch it off)")


def check_scan(findings: Findings, devices: list[str]) -> None:
    """Backends of the selective scan: which there are, why not, and which each device will use."""
    findings.section("Selective scan")
    if not devices:
        findings.note("Not examined, for it needs PyTorch.")
        return
    import torch

    from nnunetv2_cipa.scan.registry import ENVIRONMENT_VARIABLE, backend_status, choose_backend
    from nnunetv2_cipa.scan.trial import trial_scan

    for name, reason in backend_status().items():
        findings.fact(name, "available" if reason is None else f"not available: {reason}")
    if os.environ.get(ENVIRONMENT_VARIABLE):
        findings.fact(ENVIRONMENT_VARIABLE, os.environ[ENVIRONMENT_VARIABLE])
    for device in devices:
        try:
            findings.fact(f"used on {device}", choose_backend(torch.device(device)).name)
            if device.startswith("cuda") and (fault := trial_scan(torch.device(device))):
                findings.problem(*fault)
        except InputError as error:
            if device == "cpu" and len(devices) > 1:  # nobody trains there
                findings.note(f"No selective scan for cpu. {error}")
            else:
                findings.problem(f"No selective scan for {device}.", str(error))


def check_folders(findings: Findings) -> None:
    """nnU-Net's three folders. Training reads and writes the last two; the first is for converting and planning."""
    findings.section("nnU-Net's folders")
    for variable in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        folder = os.environ.get(variable)
        findings.fact(variable, folder or "not set")
        fault = _fault_of_folder(variable, folder)
        if fault and variable == "nnUNet_raw":
            findings.note(f"Converting and planning need nnUNet_raw. {' '.join(fault)}")
        elif fault:
            findings.problem(*fault)


def _fault_of_folder(variable: str, folder: str | None) -> tuple[str, str] | None:
    if not folder:
        return f"{variable} is not set.", f"export {variable}=/a/folder/of/yours"
    if not Path(folder).is_dir():
        return f"{folder} is not a folder.", f"mkdir -p '{folder}', or set {variable} to another one."
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"{folder} can't be written to.", f"Change its permissions, or set {variable} to another one."
    return None
