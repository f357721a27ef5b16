import psutil
import pytest
import torch

from nnunetv2_cipa import memory
from nnunetv2_cipa.memory import Limit, available_memory, cgroup_limits, total_memory

GIB = 2**30
CPU = torch.device("cpu")


@pytest.fixture
def cgroups(tmp_path):
    """A function that writes files of control groups, and the kernel's list; it returns what is read from them."""

    def read(own, files):
        (tmp_path / "own").write_text(own)
        for name, content in files.items():
            (tmp_path / "mount" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "mount" / name).write_text(content)
        return cgroup_limits(tmp_path / "own", tmp_path / "mount")

    return read


def test_version_2_in_a_container(cgroups):
    files = {"memory.max": "4294967296\n", "memory.current": "3000\n", "memory.stat": "anon 5\ninactive_file 1000\n"}
    assert cgroups("0::/\n", files) == [Limit(4 * GIB, 2000)]


def test_no_more_is_left_than_the_limit(cgroups):
    files = {"memory.max": "1000", "memory.current": "10", "memory.stat": "inactive_file 50"}
    assert [limit.available for limit in cgroups("0::/", files)] == [1000]


def test_version_2_in_a_batch_job_with_the_limits_of_its_parents(cgroups):
    files = {
        "slurm/job_7/step_0/memory.max": "max\n",
        "slurm/job_7/memory.max": "1000\n",
        "slurm/job_7/memory.current": "400\n",
        "slurm/memory.max": "5000\n",
    }
    limits = cgroups("0::/slurm/job_7/step_0\n", files)
    assert [(limit.bytes, limit.available) for limit in limits] == [(1000, 600), (5000, 5000)]


def test_version_1_beside_others(cgroups):
    own = "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n1:name=systemd:/docker/abc\n0::/docker/abc\n"
    files = {
        "memory/memory.limit_in_bytes": "1000000\n",
        "memory/memory.usage_in_bytes": "900000\n",
        "memory/memory.stat": "cache 9\ninactive_file 1\ntotal_inactive_file 500000\n",
        "cpu/memory.limit_in_bytes": "7\n",
    }
    (limit,) = cgroups(own, files)
    assert (limit.bytes, limit.available) == (1000000, 600000)


@pytest.mark.parametrize("own", ["0::/\n", "4:memory:/\n", "", "0::/../elsewhere\n"])
def test_where_there_are_no_limits(cgroups, own):
    assert cgroups(own, {}) == []


def test_without_control_groups(tmp_path):
    assert cgroup_limits(tmp_path / "absent", tmp_path) == []


def test_more_than_the_limit_leaves_nothing():
    assert Limit(1000, 1200).available == 0


def test_limits_of_a_container_count(monkeypatch):
    monkeypatch.setattr(memory, "cgroup_limits", lambda: [Limit(10**7, 10**6), Limit(2**63 - 4096, 5)])
    assert total_memory(CPU) == 10**7
    assert available_memory(CPU) == 9 * 10**6


def test_a_limit_above_the_machine_changes_nothing(monkeypatch):
    monkeypatch.setattr(memory, "cgroup_limits", lambda: [Limit(2**63 - 4096, 5)])
    assert total_memory(CPU) == psutil.virtual_memory().total
    assert 0 < available_memory(CPU) <= total_memory(CPU)


def test_this_machine_has_memory():
    assert GIB / 10 < available_memory(CPU) <= total_memory(CPU)


def test_memory_of_other_devices_is_unknown():
    assert total_memory(torch.device("xpu")) == 0
