"""Try `nnUNetv2_cipa run` against faults: `python benchmarks/faults.py --work FOLDER`.

A small phantom, CIPA and the U-Net with short trainings go through every step once undisturbed. That tells how long
each step takes and what the end looks like. Then another run of the same is disturbed: by disks that are too small (for
root, who can mount them), by SIGKILL in a step of each kind at a random moment of its duration, by two runs at once, by
SIGTERM, a checkpoint cut off, a damaged image. A kill counts if the ledger has a step that it interrupted. What is
there at the end is compared with the undisturbed run.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch

from nnunetv2_cipa.nnunet.model_names import model_name
from nnunetv2_cipa.nnunet.plans import CONFIGURATION_2D, OWN_PLANS
from nnunetv2_cipa.pipeline.trainings import is_whole
from nnunetv2_cipa.steps import Ledger
from nnunetv2_cipa.steps.executor import MARK

PROGRAM = str(Path(sys.executable).with_name("nnUNetv2_cipa"))
TRAINERS = ("nnUNetTrainerCIPA_forFaults", "nnUNetTrainer_forFaults")
EPOCHS = 12
TRAINERS_FILE = f"""
from nnunetv2_cipa.training.nnUNetTrainerCIPA import nnUNetTrainerCIPA
from nnunetv2_cipa.training.quick import nnUNetTrainer_quick

class nnUNetTrainer_forFaults(nnUNetTrainer_quick):
    epochs = {EPOCHS}
    iterations_per_epoch = 2
    validation_iterations_per_epoch = 1
    epochs_between_checkpoints = 1

class nnUNetTrainerCIPA_forFaults(nnUNetTrainer_forFaults, nnUNetTrainerCIPA):
    pass
"""
LATEST_MOMENT = 0.7
"""Of a step's undisturbed duration: later ones would often come after its end."""

TINY_DISK, SMALL_DISK = "1m", "450m"
"""The first is refused at once, the second has room for the checks, but not for the checkpoints of CIPA."""

RESULTS = ("predictions/final", "submission.csv", "evaluation.json", "comparison/comparison.json", "report.html")
COMPARED = ("nnUNet_raw", "nnUNet_preprocessed/*/gt_segmentations", "nnUNet_preprocessed/*/splits_final.json")


@dataclass
class Run:
    """A run of `nnUNetv2_cipa run` in a folder of its own."""

    work: Path
    data: Path
    environment: dict[str, str]

    def start(self) -> subprocess.Popen[str]:
        """Start it, again or for the first time."""
        words = ("run", "-i", str(self.data), "-o", str(self.work), "-tr", *TRAINERS, "-f", "0", "-device", "cpu")
        quiet, pipe = subprocess.DEVNULL, subprocess.PIPE
        return subprocess.Popen([PROGRAM, *words], env=self.environment, stdout=quiet, stderr=pipe, text=True)

    @property
    def ledger(self) -> Ledger:
        """Its ledger."""
        return Ledger(self.work / "steps.jsonl")

    @property
    def entries(self) -> list[dict[str, Any]]:
        """Of its ledger."""
        return list(self.ledger.entries())

    def step_at_work(self) -> str | None:
        """The step that has begun and not ended, by the ledger's last line."""
        last = self.entries[-1:]
        return str(last[0]["step"]) if last and last[0]["event"] == "start" else None

    def fold(self, trainer: str) -> Path:
        """Where a training is."""
        model = model_name(trainer, OWN_PLANS, CONFIGURATION_2D)
        return self.work / "nnUNet_results" / "Dataset605_PCLT20K" / model / "fold_0"

    def complete(self) -> None:
        """Run to the end."""
        process = self.start()
        _, errors = process.communicate()
        assert process.returncode == 0, errors

    def end_result(self) -> dict[str, Any]:
        """What must be the same at the end of every run: steps, files, what is not random, and what was trained."""
        for name in RESULTS:
            assert (self.work / name).exists(), name
        left = [str(path) for path in self.work.rglob("*.unfinished")]
        assert not left, left
        assert all(is_whole(self.fold(trainer) / "checkpoint_final.pth") for trainer in TRAINERS)
        files = [file for pattern in COMPARED for path in self.work.glob(pattern) for file in _files(path)]
        evaluated = json.loads((self.work / "evaluation.json").read_text())
        return {
            "steps": sorted(set(self.ledger.seconds()) - {"ensemble"}),  # of two models, if they are better than one
            "content": {str(file.relative_to(self.work)): file.read_bytes() for file in files},
            "predictions": sorted(path.name for path in (self.work / "predictions" / "final").glob("*.png")),
            "rows": [line.partition(",")[0] for line in (self.work / "submission.csv").read_text().splitlines()],
            "cases": [case["identifier"] for case in evaluated["cases"]],
            "trained": [f"Epoch {EPOCHS - 1}" in _log(self, trainer) for trainer in TRAINERS],
        }


def _files(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def _log(run: Run, trainer: str) -> str:
    return (run.work / "logs" / f"train_{trainer}_fold0.log").read_text(errors="replace")


def say(text: str) -> None:
    """Print with the time."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def wait_for(process: subprocess.Popen[str], condition: Callable[[], bool]) -> None:
    """Wait until something is so, or the process has ended."""
    while process.poll() is None and not condition():
        time.sleep(0.02)


def full_disk(run: Run) -> None:
    """On a tiny disk nothing begins; on a small one a step ends for lack of space. On a larger one the run resumes."""
    run.work.mkdir()
    for size, told in ((TINY_DISK, "GB left, and this run needs"), (SMALL_DISK, "are free on the disk")):
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(run.work)], check=True)
        process = run.start()
        _, errors = process.communicate()
        shutil.copytree(run.work, run.work.with_name("of_full_disk"), dirs_exist_ok=True)
        subprocess.run(["umount", str(run.work)], check=True)
        assert process.returncode == 1, (process.returncode, errors)
        lines = [line for line in errors.splitlines() if told in line or "No space is left" in line]
        assert lines, errors
        say(f"disk of {size}: exit code 1; {lines[0][:160]}")
    run.work.rmdir()
    run.work.with_name("of_full_disk").rename(run.work)
    say(f"on a larger disk it resumes after {', '.join(run.ledger.seconds())}")


def kills(run: Run, number: int, seconds: dict[str, float], moments: random.Random) -> None:
    """SIGKILL in steps of all kinds, until so many have hit one: every other time of the run, else of the step."""
    hits: list[str] = []
    expected = dict(seconds)  # the machine may be less busy than it was
    kinds = [step for step in seconds if step != "ensemble"]
    if number < len(kinds):
        kinds = sorted(moments.sample(kinds, number), key=kinds.index)
    for count in range(number):
        step = kinds[count % len(kinds)]
        while len(hits) == count:
            taken = run.ledger.seconds()
            expected |= {name: min(expected[name], taken[name]) for name in expected.keys() & taken.keys()}
            if step in taken:  # it is done already: begin anew
                shutil.rmtree(run.work)
            hits += _kill(run, step, moments.uniform(0, LATEST_MOMENT) * expected[step], of_step=count % 2 == 1)
            say(f"kill {len(hits)} of {number}: {hits[-1] if len(hits) > count else 'hit nothing, not counted'}")
    say(f"{number} kills hit {len({hit.split()[-1] for hit in hits})} different steps")


def _kill(run: Run, step: str, moment: float, *, of_step: bool) -> list[str]:
    """Kill some seconds after the begin of a step; what was hit, if anything was."""
    process = run.start()
    wait_for(process, lambda: run.step_at_work() == step)
    limit = time.monotonic() + moment
    wait_for(process, lambda: time.monotonic() > limit)
    if process.poll() is not None:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
        return []
    children = psutil.Process(process.pid).children()
    victim = children[0] if of_step and children else process
    victim.send_signal(signal.SIGKILL)
    _, errors = process.communicate()
    if victim is process:
        hit = run.step_at_work()
    else:
        assert process.returncode == 1, errors
        hit = next((entry["step"] for entry in reversed(run.entries) if entry.get("result") == "failed"), None)
    what = "the run" if victim is process else "the step"
    return [] if hit is None else [f"{what} after {moment:.1f} s in {hit}"]


def two_at_once(run: Run) -> None:
    """A second run in the same folder refuses, for as long as the first is there; that goes on."""
    shutil.rmtree(run.work / "comparison")
    first = run.start()
    wait_for(first, lambda: run.step_at_work() == "compare")
    first.send_signal(signal.SIGSTOP)  # it holds the lock, and cannot end before the second has come
    second = run.start()
    _, errors = second.communicate()
    first.send_signal(signal.SIGCONT)
    assert second.returncode == 1, errors
    assert "Another run is at work" in errors, errors
    _, errors = first.communicate()
    assert first.returncode == 0, errors
    say("two at once: the second has exit code 1 and says so; the first is complete")


def cut_off_checkpoint_and_sigterm(run: Run) -> None:
    """The final checkpoint loses its end; training resumes from the best one, is stopped by SIGTERM, and resumes."""
    trainer = TRAINERS[0]
    final, best = (run.fold(trainer) / f"checkpoint_{name}.pth" for name in ("final", "best"))
    os.truncate(final, final.stat().st_size // 2)
    if torch.load(best, map_location="cpu", weights_only=False)["current_epoch"] == EPOCHS:
        best.unlink()  # nothing would be left to train
    before = _log(run, trainer).count("Epoch ")
    process = run.start()
    wait_for(process, lambda: _log(run, trainer).count("Epoch ") > before)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate()
    assert process.returncode == 143, (process.returncode, errors)
    assert run.entries[-1]["result"] == "stopped", run.entries[-1]
    assert final.with_name(f"{final.name}.damaged").exists()
    environments = ((one.info["environ"] or {}) for one in psutil.process_iter(["environ"]))
    assert not [one for one in environments if one.get(MARK) == str(run.work)]
    run.complete()
    say(f"cut off checkpoint: set aside; SIGTERM: exit code 143, no process left; {errors.strip()[:100]!r}; complete")


def damaged_image(run: Run) -> None:
    """An image cut off: named, nothing that was made is lost, and with the image mended nothing is repeated."""
    image = sorted(run.data.glob("*/*_CT.png"))[0]
    content = image.read_bytes()
    image.write_bytes(content[: len(content) // 2])
    process = run.start()
    _, errors = process.communicate()
    assert process.returncode == 1, errors
    assert image.name in errors, errors
    starts = len(run.entries)
    image.write_bytes(content)
    run.complete()
    assert len(run.entries) == starts, run.entries[starts:]
    say(f"damaged image: exit code 1, {image.name} is named; mended: complete, no step repeated")


def prepare(folder: Path) -> tuple[Run, Run]:
    """Data and trainers, and two runs of them: one to be left alone, one to be disturbed."""
    trainers = folder / "trainers"
    trainers.mkdir(parents=True)
    (trainers / "trainers_for_faults.py").write_text(TRAINERS_FILE)
    known = os.pathsep.join(filter(None, (str(trainers), os.environ.get("nnUNet_extTrainer"))))
    environment = {**os.environ, "nnUNet_extTrainer": known, "nnUNet_def_n_proc": "1", "nnUNet_n_proc_DA": "1"}
    for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        environment.pop(name, None)
    data = folder / "data"
    words = ("make_phantom", "-o", str(data), "--patients", "6", "--slices", "2", "--size", "40")
    subprocess.run([PROGRAM, *words], check=True, stdout=subprocess.DEVNULL)
    undisturbed, disturbed = (Run(folder / name, data, environment) for name in ("undisturbed", "disturbed"))
    return undisturbed, disturbed


def main(arguments: Sequence[str] | None = None) -> None:
    """Try everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="a new folder")
    parser.add_argument("--kills", type=int, default=10, help="that hit a step (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: %(default)s)")
    parsed = parser.parse_args(arguments)
    undisturbed, disturbed = prepare(parsed.work.resolve())
    undisturbed.complete()
    seconds = undisturbed.ledger.seconds()
    expected = undisturbed.end_result()
    say(f"undisturbed: {', '.join(f'{step} {taken:.0f} s' for step, taken in seconds.items())}")
    if os.geteuid() == 0:
        full_disk(disturbed)
    else:
        say("full disk: skipped, as only root can mount a small one")
    kills(disturbed, parsed.kills, seconds, random.Random(parsed.seed))
    for what in (lambda run: run.complete(), two_at_once, cut_off_checkpoint_and_sigterm, damaged_image):
        what(disturbed)
        found = disturbed.end_result()
        differing = [name for name in expected if found[name] != expected[name]]
        assert not differing, differing
    say("all faults survived; the end is that of the undisturbed run")


if __name__ == "__main__":
    main()
