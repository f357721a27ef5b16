"""What `nnunetv2_cipa.pth` does when Python starts, in environments where the project is installed."""

import json
import os
import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SHOW = "import os; print(os.environ.get('nnUNet_extTrainer'))"


def shown(environment, *options, **variables):
    finished = environment.run(*options, "-c", SHOW, **variables)
    assert finished.returncode == 0
    assert finished.stderr == ""
    return finished.stdout.removesuffix("\n")


def test_names_one_folder_with_one_module(installed):
    folder = Path(shown(installed))
    assert folder.parts[-2:] == ("nnunetv2_cipa", "ext_trainer")
    assert [path.name for path in folder.glob("*") if path.name != "__pycache__"] == ["nnunetv2_cipa_trainers.py"]


def test_comes_after_the_folders_of_the_user(installed):
    own = os.pathsep.join(["/of/the/user", "/another one"])
    assert shown(installed, nnUNet_extTrainer=own) == os.pathsep.join([own, shown(installed)])


def test_empty_variable_counts_as_unset(installed):
    assert shown(installed, nnUNet_extTrainer="") == shown(installed)


def test_is_not_added_twice_by_a_subprocess(installed):
    once = shown(installed)
    assert shown(installed, nnUNet_extTrainer=once) == once


@pytest.mark.parametrize(("option", "active"), [("-I", True), ("-s", True), ("-E", True), ("-S", False)])
def test_options_of_python(installed, option, active):
    assert (shown(installed, option) != "None") is active


def test_imports_nothing(installed):
    """Python starts as fast as before: neither the package nor anything that the file itself needs is imported."""
    code = "import sys; print([name for name in sys.modules if name.partition('.')[0] in {'nnunetv2_cipa', 'torch'}])"
    assert installed.run("-c", code).stdout == "[]\n"


def test_is_silent_where_the_package_is_gone(installed, tmp_path):
    """A checkout that was moved, or a package folder removed by hand, disturbs no other program."""
    package = Path(shown(installed)).parent
    hidden = tmp_path / "moved"
    shutil.move(package, hidden)
    try:
        assert shown(installed) == "None"
        assert shown(installed, nnUNet_extTrainer="/of/the/user") == "/of/the/user"
    finally:
        shutil.move(hidden, package)


OWN_MODULE = "from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer as UsersTrainer"
LOOK_UP = """
import json, multiprocessing, pickle

def look_up(name):
    from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name
    trainer = recursive_find_trainer_class_by_name(name)
    assert pickle.loads(pickle.dumps(trainer)) is trainer is recursive_find_trainer_class_by_name(name)
    return trainer.__module__

if __name__ == "__main__":
    names = ["nnUNetTrainerCIPA", "UsersTrainer"]
    with multiprocessing.get_context("spawn").Pool(1) as spawned:
        print(json.dumps(spawned.map(look_up, names)))
"""


def test_nnunet_finds_the_trainer_and_the_users_own(installed, tmp_path):
    """In a spawned worker of a program that was started with nothing of ours exported."""
    own = tmp_path / "own trainers"
    own.mkdir()
    (own / "users_module.py").write_text(OWN_MODULE)
    script = tmp_path / "look_up.py"
    script.write_text(LOOK_UP)
    finished = installed.run(script, nnUNet_extTrainer=str(own))
    assert finished.returncode == 0, finished.stderr
    found = json.loads(finished.stdout.splitlines()[-1])
    assert found == ["nnunetv2_cipa.training.nnUNetTrainerCIPA", "nnunetv2.training.nnUNetTrainer.nnUNetTrainer"]
