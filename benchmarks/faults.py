"""Try a run of `nnUNetv2_cipa run` against faults: `python benchmarks/faults.py --work FOLDER`.

A small phantom and a training of a few iterations go through every step, and through, one after the other: a full disk
(a small tmpfs, for root), kill -9 at random moments, of the run or of the step at work, two runs at once, SIGTERM, a
checkpoint cut off, a damaged image. What is found after each is printed and checked.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
from PIL import Image

from nnunetv2_cipa.pipeline.training_step import is_whole
from nnunetv2_cipa.steps import Ledger
from nnunetv2_cipa.steps.executor import MARK

PROGRAM = str(Path(sys.executable).with_name("nnUNetv2_cipa"))
TRAINER = "nnUNetTrainer_forFaults"
TRAINERS = f"""
from nnunetv2_cipa.training.quick import nnUNetTrainer_quick

class {TRAINER}(nnUNetTrainer_quick):
    def __init__(self, plans, configuration, fold, dataset_json, device=None):
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.num_epochs = 12
        self.num_iterations_per_epoch = 2
        self.num_val_iterations_per_epoch = 1
        self.save_every = 1
"""
SHORTEST, LONGEST = 2.0, 100.0
SMALL_DISK, LARGE_DISK = "12m", "2g"
RESULTS = ("predictions/final", "submission.csv", "evaluation.json", "comparison/comparison.json", "report.html")


class Faults:
    """A run in a folder, to be disturbed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder.resolve()
        self.work = self.folder / "work"
        self.random = random.Random(seed)
        trainers = self.folder / "trainers"
        trainers.mkdir(parents=True)
        (trainers / "trainers_for_faults.py").write_text(TRAINERS)
        known = os.pathsep.join(filter(None, (str(trainers), os.environ.get("nnUNet_extTrainer"))))
        self.environment = {**os.environ, "nnUNet_extTrainer": known, "OMP_WAIT_POLICY": "PASSIVE"}
        self.environment |= {"nnUNet_def_n_proc": "1", "nnUNet_n_proc_DA": "1"}
        words = ("make_phantom", "-o", str(self.folder / "data"), "--patients", "6", "--slices", "2", "--size", "40")
        subprocess.run([PROGRAM, *words], check=True, stdout=subprocess.DEVNULL)

    def start(self) -> subprocess.Popen[str]:
        """Start the run, again or for the first time."""
        words = (
            "run",
            "-i",
            str(self.folder / "data"),
            "-o",
            str(self.work),
            "-tr",
            TRAINER,
            "-f",
            "0",
            "-device",
            "cpu",
        )
        quiet, pipe = subprocess.DEVNULL, subprocess.PIPE
        return subprocess.Popen([PROGRAM, *words], env=self.environment, stdout=quiet, stderr=pipe, text=True)

    def complete(self) -> None:
        """Run to the end, and check what it has left."""
        process = self.start()
        _, errors = process.communicate()
        assert process.returncode == 0, errors
        for name in RESULTS:
            assert (self.work / name).exists(), name
        dataset = self.work / "nnUNet_raw" / "Dataset605_PCLT20K"
        cases = {path.name for path in (dataset / "labelsTs").glob("*.png")}
        predicted = sorted((self.work / "predictions" / "final").glob("*.png"))
        assert {path.name for path in predicted} == cases
        for path in predicted:
            Image.open(path).load()
        fold = next((self.work / "nnUNet_results").glob("*/*/fold_0"))
        assert is_whole(fold / "checkpoint_final.pth")
        left = [str(path) for path in self.work.rglob("*.unfinished")]
        assert not left, left
        evaluated = json.loads((self.work / "evaluation.json").read_text())
        assert len(evaluated["cases"]) == len(cases)

    def ledger(self) -> Ledger:
        """The ledger."""
        return Ledger(self.work / "steps.jsonl")

    def ends(self, result: str) -> int:
        """How many steps have ended so."""
        return sum(entry.get("result") == result for entry in self.ledger().entries())

    def wait_for(self, process: subprocess.Popen[str], condition: object) -> None:
        """Wait until something is there, or the process has ended."""
        while process.poll() is None and not condition():  # type: ignore[operator]
            time.sleep(0.05)

    def fold_folder(self) -> Path:
        """Where the training is."""
        return self.work / "nnUNet_results" / "Dataset605_PCLT20K" / f"{TRAINER}__nnUNetCIPAPlans__2d" / "fold_0"


def say(text: str) -> None:
    """Print with the time."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def full_disk(faults: Faults) -> None:
    """A disk of some megabytes: every start fails with a message, until the disk is larger."""
    faults.work.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", str(faults.work)], check=True)
    for _ in range(2):
        process = faults.start()
        _, errors = process.communicate()
        assert process.returncode == 1, (process.returncode, errors)
        told = [line for line in errors.splitlines() if "MB are free on the disk" in line or "No space is left" in line]
        assert told, errors
        say(f"full disk: exit code 1; done: {', '.join(faults.ledger().seconds())}; {told[0][:160]}")
    subprocess.run(["mount", "-o", f"remount,size={LARGE_DISK}", str(faults.work)], check=True)


def kills(faults: Faults, number: int) -> None:
    """SIGKILL at random moments: of the run, or of the step that it is executing."""
    for count in range(number):
        process = faults.start()
        wait = faults.random.uniform(SHORTEST, LONGEST)
        deadline = time.monotonic() + wait
        faults.wait_for(process, lambda limit=deadline: time.monotonic() > limit)
        if process.poll() is not None:
            say(f"kill {count}: complete before {wait:.1f} s; exit code {process.returncode}")
            process.communicate()
            continue
        steps = [child for child in psutil.Process(process.pid).children() if child.is_running()]
        victim = steps[0] if steps and faults.random.random() < 0.4 else process
        last = [entry["step"] for entry in faults.ledger().entries() if entry["event"] == "start"][-1:]
        victim.send_signal(signal.SIGKILL)
        _, errors = process.communicate()
        what = f"the {'run' if victim is process else 'step'} after {wait:.1f} s during {', '.join(last)}"
        say(f"kill {count}: {what}; exit code {process.returncode}; {errors[:90]!r}")


def two_at_once(faults: Faults) -> None:
    """A second run in the same folder refuses; the first one goes on."""
    (faults.work / "report.html").unlink(missing_ok=True)
    first = faults.start()
    faults.wait_for(first, lambda: _locked(faults))
    second = faults.start()
    _, errors = second.communicate()
    assert second.returncode == 1, errors
    assert "Another run is at work" in errors, errors
    _, errors = first.communicate()
    assert first.returncode == 0, errors
    say("two at once: the second has exit code 1 and says so; the first is complete")


def _locked(faults: Faults) -> bool:
    """Whether the run has begun to write the report."""
    last = [entry for entry in faults.ledger().entries() if entry["step"] == "report"][-1:]
    return bool(last) and last[0]["event"] == "start"


def cut_off_checkpoint_and_sigterm(faults: Faults) -> None:
    """The final checkpoint loses its end; training goes on from the best one, is stopped by SIGTERM, and goes on."""
    final = faults.fold_folder() / "checkpoint_final.pth"
    os.truncate(final, final.stat().st_size // 2)
    process = faults.start()
    faults.wait_for(process, lambda: final.with_name(f"{final.name}.damaged").exists())
    time.sleep(8)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate()
    assert process.returncode == 143, (process.returncode, errors)
    assert faults.ends("stopped") >= 1
    marked = [
        one for one in psutil.process_iter(["environ"]) if (one.info["environ"] or {}).get(MARK) == str(faults.work)
    ]
    assert not marked, marked
    say(f"cut off checkpoint: set aside; SIGTERM: exit code 143, no process left; {errors.strip()[:100]!r}")
    faults.complete()
    text = (faults.work / "logs" / f"train_{TRAINER}_fold0.log").read_text()
    say(f"trained on from the best checkpoint: {'Epoch' in text}; complete again")


def damaged_image(faults: Faults) -> None:
    """An image cut off: named, nothing that was made is lost, and with the image mended nothing is repeated."""
    image = sorted((faults.folder / "data").glob("*/*_CT.png"))[0]
    content = image.read_bytes()
    image.write_bytes(content[: len(content) // 2])
    process = faults.start()
    _, errors = process.communicate()
    assert process.returncode == 1, errors
    assert image.name in errors, errors
    starts = len(list(faults.ledger().entries()))
    image.write_bytes(content)
    faults.complete()
    repeated = len(list(faults.ledger().entries())) - starts
    assert repeated == 0, repeated
    say(f"damaged image: exit code 1, {image.name} is named; mended: complete, no step repeated")


def main(arguments: Sequence[str] | None = None) -> None:
    """Try everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="a new folder")
    parser.add_argument("--kills", type=int, default=10, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: %(default)s)")
    parsed = parser.parse_args(arguments)
    faults = Faults(parsed.work, parsed.seed)
    if os.geteuid() == 0:
        full_disk(faults)
    else:
        say("full disk: skipped, as only root can mount a small one")
    kills(faults, parsed.kills)
    faults.complete()
    say(f"kills: complete; {faults.ends('done')} steps done, {faults.ends('failed')} failed, by kills or a full disk")
    two_at_once(faults)
    cut_off_checkpoint_and_sigterm(faults)
    damaged_image(faults)
    say("all faults survived")


if __name__ == "__main__":
    main()
