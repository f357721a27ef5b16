"""The one entry point: its commands, its exit codes and what it imports."""

import errno
import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from nnunetv2_cipa import __version__, cli
from nnunetv2_cipa.errors import InputError


@pytest.fixture
def greet(monkeypatch):
    """A command `greet NAME` that refuses to greet nobody."""

    def run(arguments):
        if arguments.name == "nobody":
            raise InputError("nobody is not a name. Give another one.")
        print(f"hello {arguments.name}")

    module = ModuleType("greeting")
    module.add_arguments = lambda parser: parser.add_argument("name")
    module.run = run
    monkeypatch.setitem(sys.modules, "greeting", module)
    monkeypatch.setitem(cli.COMMANDS, "greet", cli.Command("greeting", "say hello"))
    monkeypatch.setitem(cli.COMMANDS, "broken", cli.Command("no.such.module", "is not imported"))


def test_runs_the_command(greet, capsys):
    assert cli.main(["greet", "Ada"]) == 0
    assert capsys.readouterr().out == "hello Ada\n"


def test_bad_input_is_one_message_and_exit_code_1(greet, capsys):
    assert cli.main(["greet", "nobody"]) == 1
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "nnUNetv2_cipa greet: nobody is not a name. Give another one.\n")


def test_other_errors_keep_their_traceback(greet, monkeypatch):
    monkeypatch.setattr(sys.modules["greeting"], "run", lambda arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(["greet", "Ada"])


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/locked/a"), "/locked/a: Permission denied. Change its"),
        (OSError(errno.ENOSPC, "No space left on device", "/full/a"), "/full/a: No space left on device. Free some"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device. Free some space, or choose"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "/aaa"), "/aaa: File name too long. Choose a shorter"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "/a/b"), "/a/b: Not a directory. A folder is needed"),
        (OSError(errno.EXDEV, "Invalid cross-device link", "/a", None, "/b"), "/a to /b: Invalid cross-device link."),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), "Broken pipe."),  # not that of the output
        (OSError("image file is truncated\n(3 bytes)"), "image file is truncated (3 bytes)"),
    ],
)
def test_what_the_system_refuses_is_one_line_and_exit_code_1(greet, monkeypatch, capsys, error, message):
    def refused(arguments):
        raise error

    monkeypatch.setattr(sys.modules["greeting"], "run", refused)
    assert cli.main(["greet", "Ada"]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith(f"nnUNetv2_cipa greet: {message}")
    assert shown.count("\n") == 1


@pytest.mark.parametrize(
    "name", ["make_phantom --patients 2 --slices 1 --size 32 -o {}", "plan_seed -d 1 --seed 1", "submission -i {} -o x"]
)
@pytest.mark.parametrize("place", ["file/folder", "n" * 300])
def test_places_that_are_none_end_in_one_message(tmp_path, monkeypatch, capsys, name, place):
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    for variable in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        monkeypatch.setenv(variable, str(tmp_path / place))
    assert cli.main(name.format(tmp_path / place).split()) == 1
    assert capsys.readouterr().err.startswith("nnUNetv2_cipa ")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("words", ["doctor", "--help", "doctor --help"])
@pytest.mark.parametrize("streams", ["", "2>&1"])
def test_a_reader_that_stops_is_no_fault(words, streams):
    """As `| head -n 0`: the pipe is closed before the first line is written."""
    command = f'"{sys.executable}" -m nnunetv2_cipa.cli {words} {streams} | sleep 0'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
    assert "Broken" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_an_output_that_takes_nothing_is_one_message():
    command = f'"{sys.executable}" -m nnunetv2_cipa.cli --help > /dev/full'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("nnUNetv2_cipa --help: No space left on device.")
    assert done.stderr.count("\n") == 1


def test_an_output_that_is_closed_is_no_fault():
    command = f'"{sys.executable}" -m nnunetv2_cipa.cli --help >&-'
    assert subprocess.run(["sh", "-c", command], capture_output=True, text=True).returncode == 0


@pytest.mark.parametrize("words", [[], ["unknown"], ["greet"], ["greet", "Ada", "--unknown"]])
def test_bad_usage_is_exit_code_2(greet, capsys, words):
    with pytest.raises(SystemExit) as stopped:
        cli.main(words)
    assert stopped.value.code == 2
    assert "usage: nnUNetv2_cipa" in capsys.readouterr().err


def test_help_lists_every_command_without_importing_it(greet, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--help"])
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    for name, command in cli.COMMANDS.items():
        assert name in shown
        assert command.help in " ".join(shown.split())


def test_version(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"nnunetv2-cipa {__version__}\n"


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_shows_its_help(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main([name, "--help"])
    assert stopped.value.code == 0
    assert f"usage: nnUNetv2_cipa {name}" in capsys.readouterr().out
    assert callable(importlib.import_module(cli.COMMANDS[name].module).run)


def test_start_imports_no_heavy_library():
    """Help and usage errors answer at once."""
    code = "import sys, nnunetv2_cipa.cli; print({'torch', 'numpy', 'matplotlib', 'nnunetv2'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"
