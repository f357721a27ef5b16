"""What SLURM says about one's jobs, by `squeue` alone: it needs no accounting database."""

import subprocess
import time

_OVER = frozenset(
    {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED"}
    | {"NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "TIMEOUT"}
)
GONE = "no longer known to SLURM"


class SlurmQueue:
    """The jobs of one name of this user.

    The controller is asked at most every `poll_seconds`; when it does not answer, the last answer holds.
    """

    def __init__(self, job_name: str, poll_seconds: float) -> None:
        self.job_name = job_name
        self._poll_seconds = poll_seconds
        self._states: dict[str, str] = {}
        self._asked = float("-inf")

    def forget(self) -> None:
        """Ask again the next time, as after a submission."""
        self._asked = float("-inf")

    def state(self, job: str) -> str:
        """State of a job, such as PENDING, or `GONE`: SLURM forgets jobs minutes after their end."""
        return self._all().get(job, GONE)

    def is_over(self, job: str) -> bool:
        """Whether the job has ended for good; one that is requeued has not."""
        state = self.state(job)
        return state == GONE or state in _OVER

    def unfinished(self) -> list[str]:
        """All jobs that have not ended."""
        return [job for job in self._all() if not self.is_over(job)]

    def cancel(self, jobs: list[str], timeout: float) -> None:
        """Cancel jobs and wait until nothing of them is left.

        Raises:
            TimeoutError: they are still there after `timeout` seconds.
        """
        jobs = [job for job in jobs if not self.is_over(job)]
        if not jobs:
            return
        subprocess.run(["scancel", *jobs], check=False)  # one that has ended meanwhile is an error to scancel
        until = time.monotonic() + timeout
        self.forget()
        while left := [job for job in jobs if not self.is_over(job)]:
            if time.monotonic() > until:
                raise TimeoutError(f"SLURM has not ended the jobs {', '.join(left)} within {timeout:.0f} seconds")
            time.sleep(self._poll_seconds)

    def _all(self) -> dict[str, str]:
        if time.monotonic() - self._asked < self._poll_seconds:
            return self._states
        command = ["squeue", "--me", "--array", "--states=all", "--noheader", f"--name={self.job_name}"]
        answer = subprocess.run([*command, "--format=%i %T"], capture_output=True, text=True, check=False)
        self._asked = time.monotonic()
        if answer.returncode == 0:
            self._states = dict(line.split() for line in answer.stdout.splitlines())
        return self._states
