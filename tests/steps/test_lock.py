import os
import signal
import subprocess
import sys

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.steps import locked

HOLDER = """
import sys, time
from pathlib import Path
from nnunetv2_cipa.steps.lock import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""


def test_the_second_is_refused_until_the_first_is_killed(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(InputError, match="Another run is at work in"), locked(tmp_path):
            pass
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.communicate()
    with locked(tmp_path):
        pass


def test_a_lock_is_given_back(tmp_path):
    for _ in range(2):
        with locked(tmp_path / "new"):
            assert (tmp_path / "new").is_dir()
