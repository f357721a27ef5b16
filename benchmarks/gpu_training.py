"""A few iterations of nnU-Net's own training, on synthetic PET-CT, in temporary folders and a process of their own.

`python benchmarks/gpu_training.py nnUNetTrainerCIPA 10 cuda` prints their seconds, after as many to warm up.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DATASET = "900"


def seconds_of_training(trainer: str, iterations: int, device: str, side: int) -> float:
    """Prepare a dataset of `side` x `side` pixels and time a trainer on it.

    Raises:
        RuntimeError: a command failed; the end of what it printed is in the message.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folders = {name: os.fspath(Path(temporary, name)) for name in ("raw", "preprocessed", "results")}
        environment = os.environ | {f"nnUNet_{name}": folder for name, folder in folders.items()}
        for folder in folders.values():
            Path(folder).mkdir()
        phantom = os.fspath(Path(temporary, "PCLT20K"))
        here = [sys.executable, "-m", "nnunetv2_cipa.cli"]
        for command in (
            [*here, "make_phantom", "-o", phantom, "--patients", "5", "--size", str(side)],
            [*here, "convert_PCLT20K", "-i", phantom, "-d", DATASET],
            ["nnUNetv2_plan_and_preprocess", "-d", DATASET, "-c", "2d", "-np", "2"],
        ):
            _run(command, environment)
        return float(_run([sys.executable, __file__, trainer, str(iterations), device], environment).split()[-1])


def _run(command: list[str], environment: dict[str, str]) -> str:
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{(result.stdout + result.stderr)[-2000:]}")
    return result.stdout


def main() -> None:
    """Train in the folders that the environment names, and print the seconds last."""
    import torch
    from nnunetv2.run.run_training import get_trainer_from_args

    name, iterations, device = sys.argv[1], int(sys.argv[2]), torch.device(sys.argv[3])
    trainer = get_trainer_from_args(DATASET, "2d", 0, name, device=device)
    trainer.disable_checkpointing = True
    trainer.on_train_start()
    trainer.on_epoch_start()
    trainer.on_train_epoch_start()
    for _ in range(iterations):
        trainer.train_step(next(trainer.dataloader_train))
    start = time.perf_counter()
    for _ in range(iterations):
        loss = trainer.train_step(next(trainer.dataloader_train))["loss"]  # brought to the processor: waited for
    print(float(loss), time.perf_counter() - start, flush=True)
    for worker in multiprocessing.active_children():  # they load data, and hold this process's output open
        worker.kill()
    os._exit(0)  # else their queues would be waited for


if __name__ == "__main__":
    main()
