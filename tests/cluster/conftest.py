"""A SLURM of one node for the tests alone: own folder, own ports, own key; it ends with them."""

import getpass
import os
import secrets
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol")
SECONDS_TO_START = 60

SLURM_CONF = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
GresTypes=gpu
ReturnToService=2
KillWait=3
SchedulerParameters=bf_interval=2,sched_interval=2
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=2000 Gres=gpu:2
PartitionName=tests Nodes=ALL Default=YES MaxTime=60 State=UP
"""


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    """Starts SLURM and makes its commands use it; gives its folder."""
    search = os.pathsep.join((os.environ["PATH"], "/usr/sbin", "/sbin"))
    programs = {name: shutil.which(name, path=search) for name in PROGRAMS}
    if missing := [name for name, path in programs.items() if path is None]:
        pytest.skip(f"SLURM is not installed ({', '.join(missing)}): apt-get install slurm-wlm munge")
    folder = tmp_path_factory.mktemp("slurm")
    processes = []
    with pytest.MonkeyPatch.context() as patch:
        try:
            processes += _start(folder, programs)
            patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
            _wait_for_node(folder, processes)
            yield folder
        finally:
            if len(processes) > 1:
                subprocess.run(["scancel", "--me"], timeout=30)
            for process in reversed(processes):
                process.terminate()
            for process in processes:
                process.wait(30)


def _start(folder: Path, programs):
    """Start the daemons in the foreground, as processes of ours."""
    (folder / "state").mkdir()
    (folder / "spool").mkdir()
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))
    munge_files = [f"--{name}-file={folder}/munge.{name}" for name in ("key", "pid", "seed", "log")]
    names = {"folder": folder, "host": socket.gethostname().partition(".")[0], "user": getpass.getuser()}
    (folder / "slurm.conf").write_text(SLURM_CONF.format(ports=_free_ports(), **names))
    (folder / "gres.conf").write_text("Name=gpu File=/dev/null\nName=gpu File=/dev/zero\n")
    commands = [
        [programs["munged"], "--foreground", "--force", f"--socket={folder}/munge.socket", *munge_files],
        [programs["slurmctld"], "-D", "-c", "-f", f"{folder}/slurm.conf"],
        [programs["slurmd"], "-D", "-f", f"{folder}/slurm.conf"],
    ]
    for command in commands:
        with (folder / f"{Path(command[0]).name}.out").open("w") as output:
            yield subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        time.sleep(0.5)


def _free_ports():
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def _wait_for_node(folder, processes):
    until = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < until and all(process.poll() is None for process in processes):
        answer = subprocess.run(["sinfo", "--noheader", "--format=%T"], capture_output=True, text=True)
        if answer.stdout.strip() == "idle":
            return
        time.sleep(0.3)
    said = "\n".join(file.read_text(errors="replace")[-2000:] for file in sorted(folder.glob("*.out")))
    pytest.fail(f"SLURM did not start:\n{answer}\n{said}")
