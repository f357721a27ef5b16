"""A run of small steps, killed ten times at random moments: it ends with what an undisturbed one ends with."""

import json
import random
import subprocess
import sys
import time

import pytest

CHAIN = """
import os, sys
from pathlib import Path
from nnunetv2_cipa.steps import LocalExecutor, Output, Runner, Step, Writing, locked

folder = Path(sys.argv[1])
WRITE = '''
import sys, time
before, target, number = sys.argv[1:]
content = open(before).read() if before else ""
with open(target, "a") as file:
    for part in (content, number, "end "):
        file.write(part)
        file.flush()
        time.sleep(0.1)
'''

def step(number):
    before, made = (folder / f"made_{n}" for n in (number - 1, number))
    words = (sys.executable, "-S", "-c", WRITE, str(before) if number else "", str(made), str(number))
    needs = (f"step_{number - 1}",) if number else ()
    output = Output((made,), Writing.ANEW if number % 2 else Writing.BESIDE)
    return Step(f"step_{number}", words, needs=needs, output=output)

with locked(folder):
    Runner(folder, os.environ, LocalExecutor()).run([step(number) for number in range(6)])
"""
STEPS, KILLS = 6, 10


def start(folder):
    return subprocess.Popen([sys.executable, "-c", CHAIN, str(folder)], stdout=subprocess.DEVNULL)


def made(folder):
    return {path.name: path.read_text() for path in folder.glob("made_*")}


@pytest.mark.parametrize("seed", [0])
@pytest.mark.slow
def test_ten_kills_change_nothing(tmp_path, seed):
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    assert start(undisturbed).wait() == 0
    moments = random.Random(seed)
    during = []
    while len(during) < KILLS:
        process = start(killed)
        while not (killed / "steps.jsonl").exists() and process.poll() is None:
            time.sleep(0.01)
        lines = _lines(killed)
        while _lines(killed) <= lines < 2 * STEPS and process.poll() is None:  # until this start has come to a step
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.4))
        process.kill()
        process.wait()
        during.append(_lines(killed))
    assert start(killed).wait() == 0
    assert made(killed) == made(undisturbed)
    assert len(made(killed)) == STEPS
    assert not list(killed.glob(".made_*"))
    ends = [json.loads(line) for line in (killed / "steps.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in ends if entry["event"] == "end"] == [f"step_{number}" for number in range(STEPS)]
    assert len(set(during)) > 2  # the kills came at different places


def _lines(folder):
    ledger = folder / "steps.jsonl"
    return len(ledger.read_text().splitlines()) if ledger.exists() else 0
