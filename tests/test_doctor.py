"""`nnUNetv2_cipa doctor`: what it shows, what it calls a problem and what it tells the user to do."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from packaging.requirements import Requirement

from nnunetv2_cipa import doctor
from nnunetv2_cipa.cli import main
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.scan import registry, trial


@pytest.fixture(autouse=True)
def healthy(monkeypatch, tmp_path):
    """nnU-Net's folders are there, and no setting of the one who runs the tests is seen."""
    for name in [name for name in os.environ if name.startswith(("nnUNet_", "NNUNETV2_CIPA"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("nnUNet_extTrainer", str(doctor.TRAINER_FOLDER))
    for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))


@pytest.fixture
def problems(capsys):
    """A function that runs one check and returns its problems, each with its remedy, and all that was printed."""

    def found(check, *arguments):
        findings = doctor.Findings()
        check(findings, *arguments)
        shown = capsys.readouterr().out
        assert findings.problems == shown.count("PROBLEM: ") == shown.count("-> ")
        return findings.problems, shown

    return found


def test_healthy_environment(capsys):
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "found: nnunetv2_cipa.training.nnUNetTrainerCIPA" in shown
    assert all(backend.name in shown for backend in registry.BACKENDS)
    assert "used on cpu" in shown
    assert torch.__version__.partition("+")[0] in shown
    assert shown.endswith("Training can start.\n")


def test_problems_are_counted_and_exit_with_1(monkeypatch, capsys):
    monkeypatch.delenv("nnUNet_results")
    monkeypatch.delenv("nnUNet_preprocessed")
    assert main(["doctor"]) == 1
    shown = capsys.readouterr()
    assert "PROBLEM: nnUNet_results is not set." in shown.out
    assert "export nnUNet_results=" in shown.out
    assert shown.err == "nnUNetv2_cipa doctor: training can't start: 2 problems, marked PROBLEM above.\n"


class TestVersions:
    def test_missing_requirement(self, problems):
        number, shown = problems(doctor.check_requirement, Requirement("no-such-distribution>=1"), True)
        assert number == 1
        assert "pip install 'no-such-distribution>=1'" in shown

    def test_missing_extra_is_no_problem(self, problems):
        number, shown = problems(doctor.check_requirement, Requirement("no-such-distribution"), False)
        assert number == 0
        assert "optional" in shown

    def test_too_old(self, problems):
        number, shown = problems(doctor.check_requirement, Requirement("pytest>=1000"), True)
        assert number == 1
        assert f"pytest>=1000 is needed, not {pytest.__version__}" in shown

    def test_not_installed_itself(self, problems, monkeypatch):
        monkeypatch.setattr(doctor, "DISTRIBUTION", "no-such-distribution")
        number, shown = problems(doctor.check_versions)
        assert number == 1
        assert "Install it with pip" in shown


class TestTrainer:
    def test_variable_overwritten(self, problems, monkeypatch, tmp_path):
        monkeypatch.setenv("nnUNet_extTrainer", str(tmp_path))
        monkeypatch.setattr(doctor.site, "getsitepackages", lambda: [str(tmp_path)])
        (tmp_path / doctor.PTH_FILE).touch()
        number, shown = problems(doctor.check_trainer)
        assert number == 1
        assert "nnUNet_extTrainer was changed after Python had started" in shown
        assert f"export nnUNet_extTrainer='{tmp_path}{os.pathsep}{doctor.TRAINER_FOLDER}'" in shown

    def test_no_pth_file(self, problems, monkeypatch, tmp_path):
        monkeypatch.delenv("nnUNet_extTrainer")
        monkeypatch.setattr(doctor.site, "getsitepackages", lambda: [str(tmp_path)])
        monkeypatch.setattr(doctor.site, "ENABLE_USER_SITE", False)
        number, shown = problems(doctor.check_trainer)
        assert number == 1
        assert "pip install --target" in shown
        assert f"export nnUNet_extTrainer='{doctor.TRAINER_FOLDER}'" in shown

    def test_python_without_site(self):
        """The real thing: -S, with the packages on PYTHONPATH."""
        folders = [str(doctor.PACKAGE_FOLDER.parent), *(path for path in sys.path if path.endswith("site-packages"))]
        code = "from nnunetv2_cipa import doctor; doctor.check_trainer(doctor.Findings())"
        variables = {key: value for key, value in os.environ.items() if key != "nnUNet_extTrainer"}
        variables["PYTHONPATH"] = os.pathsep.join(folders)
        finished = subprocess.run([sys.executable, "-S", "-c", code], env=variables, capture_output=True, text=True)
        assert finished.returncode == 0, finished.stderr
        assert "PROBLEM: nnU-Net does not search" in finished.stdout
        assert "Python was started with -S" in finished.stdout

    def test_broken_module_of_the_user(self, problems, monkeypatch, tmp_path):
        broken = tmp_path / "broken_trainer.py"
        broken.write_text("\nraise RuntimeError('broken on purpose')\n")
        monkeypatch.setenv("nnUNet_extTrainer", f"{tmp_path}{os.pathsep}{doctor.TRAINER_FOLDER}")
        number, shown = problems(doctor.check_trainer)
        assert number == 1
        assert "ended with RuntimeError: broken on purpose" in shown
        assert f"line 2 of {broken}" in shown

    def test_folders_are_told_apart(self, problems, monkeypatch, tmp_path):
        gone = tmp_path / "gone"
        monkeypatch.setenv("nnUNet_extTrainer", os.pathsep.join(map(str, [tmp_path, gone, doctor.TRAINER_FOLDER])))
        number, shown = problems(doctor.check_trainer)
        assert number == 0
        assert f"{tmp_path} (yours)" in shown
        assert f"{gone} (does not exist)" in shown
        assert f"{doctor.TRAINER_FOLDER} (of nnunetv2-cipa)" in shown

    def test_command_of_another_environment(self, problems, monkeypatch):
        monkeypatch.setattr(doctor.shutil, "which", lambda name: "/elsewhere/bin/nnUNetv2_train")
        number, shown = problems(doctor.check_trainer)
        assert number == 0
        assert "note: /elsewhere/bin/nnUNetv2_train may belong to another Python" in shown


class TestDevices:
    @pytest.fixture
    def gpu(self, monkeypatch):
        card = SimpleNamespace(name="A Card", total_memory=24 * 2**30, major=8, minor=6)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: card)
        return card

    def test_gpu(self, gpu, problems):
        devices = []
        number, shown = problems(lambda findings: devices.extend(doctor.check_devices(findings)))
        assert number == 0
        assert devices == ["cpu", "cuda:0"]
        assert "A Card, 24.0 GiB, capability 8.6" in shown
        assert "used by nnU-Net on this GPU" in shown
        assert "No GPU" not in shown

    def test_gpu_too_old_for_compilation(self, gpu, problems, monkeypatch):
        gpu.major, gpu.minor = 6, 1
        number, shown = problems(doctor.check_devices)
        assert number == 1
        assert "export nnUNet_compile=f" in shown
        monkeypatch.setenv("nnUNet_compile", "f")
        assert problems(doctor.check_devices)[0] == 0

    def test_gpu_without_triton(self, gpu, problems, monkeypatch):
        monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None)
        number, shown = problems(doctor.check_devices)
        assert number == 1
        assert "triton" in shown

    def test_no_gpu(self, problems, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        number, shown = problems(doctor.check_devices)
        assert number == 0
        assert "-device cpu" in shown

    def test_setting_that_breaks_planning(self, problems, monkeypatch):
        monkeypatch.setenv("nnUNet_n_proc_DA", "0")
        assert "can't plan" in problems(doctor.check_devices)[1]
        monkeypatch.setenv("nnUNet_n_proc_DA", "1")
        assert "can't plan" not in problems(doctor.check_devices)[1]

    @pytest.mark.parametrize(("value", "noted"), [("t", True), ("True", True), ("f", False), (None, False)])
    def test_compilation_on_a_cpu_is_warned_of(self, problems, monkeypatch, value, noted):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        if value is not None:
            monkeypatch.setenv("nnUNet_compile", value)
        number, shown = problems(doctor.check_devices)
        assert number == 0
        assert ("unset nnUNet_compile" in shown) == noted

    def test_broken_torch(self, problems, monkeypatch):
        monkeypatch.setitem(sys.modules, "torch", None)
        number, shown = problems(lambda findings: doctor.check_scan(findings, doctor.check_devices(findings)))
        assert number == 1
        assert "PyTorch can't be imported" in shown


class TestScan:
    def test_reason_of_a_missing_backend(self, problems, monkeypatch):
        monkeypatch.setattr(registry, "backend_status", lambda: {"abacus": "It needs beads. Buy some."})
        number, shown = problems(doctor.check_scan, ["cpu"])
        assert number == 0
        assert "not available: It needs beads. Buy some." in shown

    def test_override(self, problems, monkeypatch):
        monkeypatch.setenv("NNUNETV2_CIPA_SCAN", "torch")
        number, shown = problems(doctor.check_scan, ["cpu"])
        assert number == 0
        assert any(line.split() == ["used", "on", "cpu", "torch"] for line in shown.splitlines())

    def test_unknown_override(self, problems, monkeypatch):
        monkeypatch.setenv("NNUNETV2_CIPA_SCAN", "abacus")
        number, shown = problems(doctor.check_scan, ["cpu"])
        assert number == 1
        assert "abacus" in shown

    def test_backend_of_the_gpu_only(self, problems, monkeypatch):
        """Training goes on there, so that the CPU can't use it is no problem."""

        def choose(device):
            if device.type == "cpu":
                raise InputError("It can't scan on the CPU.")
            return SimpleNamespace(name="mamba_ssm")

        monkeypatch.setattr(registry, "choose_backend", choose)
        monkeypatch.setattr(trial, "trial_scan", lambda device: None)
        number, shown = problems(doctor.check_scan, ["cpu", "cuda:0"])
        assert number == 0
        assert "note: No selective scan for cpu. It can't scan on the CPU." in shown
        assert problems(doctor.check_scan, ["cpu"])[0] == 1

    def test_a_kernel_is_tried_on_every_gpu(self, problems, monkeypatch):
        monkeypatch.setattr(registry, "choose_backend", lambda device: SimpleNamespace(name="triton"))
        monkeypatch.setattr(
            trial, "trial_scan", lambda device: ("It failed.", "Install gcc.") if device.index == 1 else None
        )
        number, shown = problems(doctor.check_scan, ["cpu", "cuda:0", "cuda:1"])
        assert number == 1
        assert "PROBLEM: It failed.\n    -> Install gcc." in shown


class TestFolders:
    def test_raw_is_only_noted(self, problems, monkeypatch):
        monkeypatch.delenv("nnUNet_raw")
        number, shown = problems(doctor.check_folders)
        assert number == 0
        assert "note: Converting and planning need nnUNet_raw." in shown

    def test_missing(self, problems, monkeypatch, tmp_path):
        monkeypatch.setenv("nnUNet_results", str(tmp_path / "nowhere"))
        number, shown = problems(doctor.check_folders)
        assert number == 1
        assert f"mkdir -p '{tmp_path / 'nowhere'}'" in shown

    def test_not_writable(self, problems, monkeypatch):
        locked = os.environ["nnUNet_preprocessed"]
        monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != Path(locked))
        number, shown = problems(doctor.check_folders)
        assert number == 1
        assert f"{locked} can't be written to." in shown
