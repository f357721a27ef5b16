"""Compare initial learning rates of CIPA on a preprocessed nnU-Net data set, equal iterations each.

`python benchmarks/learning_rate.py -d 605 -lr 6e-5 3e-4 1e-3 -o rates.json` trains the quick trainer once per rate,
with the same seeds, and measures the loss and the Dice of all foreground pixels on the same validation batches.
nnU-Net's three folders must be set; models are trained in a temporary folder.
"""

import argparse
import json
import os
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

VALIDATION_BATCHES = 20


def measure(arguments: argparse.Namespace, rate: float) -> dict[str, float]:
    """Train with one rate and return its figures."""
    _seed()
    trainer = _trainer(arguments, rate)
    start = time.monotonic()
    losses = [_epoch(trainer, epoch) for epoch in range(trainer.num_epochs)]
    seconds = time.monotonic() - start
    _seed()
    trainer.on_validation_epoch_start()
    with torch.no_grad():
        outputs = [trainer.validation_step(next(trainer.dataloader_val)) for _ in range(VALIDATION_BATCHES)]
    tp, fp, fn = (sum(output[name].sum() for output in outputs) for name in ("tp_hard", "fp_hard", "fn_hard"))
    return {
        "initial_lr": rate,
        "first_epoch_loss": losses[0],
        "last_epoch_loss": losses[-1],
        "validation_loss": float(np.mean([output["loss"] for output in outputs])),
        "validation_dice": float(2 * tp / max(2 * tp + fp + fn, 1)),
        "seconds": seconds,
    }


def _trainer(arguments: argparse.Namespace, rate: float) -> Any:  # noqa: ANN401 - one of nnU-Net's trainers
    from nnunetv2.run.run_training import get_trainer_from_args

    trainer = get_trainer_from_args(
        arguments.d, "2d", arguments.f, arguments.tr, arguments.p, device=torch.device(arguments.device)
    )
    trainer.initial_lr = rate
    trainer.num_epochs = arguments.epochs
    if arguments.patch:
        trainer.configuration_manager.configuration["patch_size"] = [arguments.patch, arguments.patch]
    trainer.disable_checkpointing = True
    trainer.on_train_start()
    return trainer


def _epoch(trainer: Any, epoch: int) -> float:  # noqa: ANN401 - one of nnU-Net's trainers
    trainer.network.train()
    trainer.lr_scheduler.step(epoch)
    batches = (next(trainer.dataloader_train) for _ in range(trainer.num_iterations_per_epoch))
    loss = float(np.mean([trainer.train_step(batch)["loss"] for batch in batches]))
    print(f"  epoch {epoch}: loss {loss:.4f}", flush=True)
    return loss


def _seed() -> None:
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - nnU-Net's loader draws from the global generator
    torch.manual_seed(0)


def main() -> None:
    """Measure every rate and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-d", required=True, help="data set id or name, planned and preprocessed")
    parser.add_argument("-f", type=int, default=0, help="fold (default: %(default)s)")
    parser.add_argument("-p", default="nnUNetPlans", help="plans (default: %(default)s)")
    parser.add_argument("-tr", default="nnUNetTrainerCIPA_quick", help="trainer (default: %(default)s)")
    parser.add_argument("-lr", type=float, nargs="+", default=[6e-5, 3e-4, 1e-3, 3e-3], help="initial learning rates")
    parser.add_argument("--epochs", type=int, default=10, help="of the trainer's iterations (default: %(default)s)")
    parser.add_argument("--patch", type=int, help="side of the patches in pixels (default: the plan's)")
    parser.add_argument("-device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("-o", type=Path, required=True, help="JSON file to be written")
    arguments = parser.parse_args()
    rows: list[dict[str, float]] = []
    for rate in arguments.lr:
        print(f"initial learning rate {rate:g}", flush=True)
        rows.append(measure(arguments, rate))
        arguments.o.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    print("| initial learning rate | first epoch's loss | last epoch's loss | validation loss | validation Dice |")
    print("|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['initial_lr']:g} | {row['first_epoch_loss']:.3f} | {row['last_epoch_loss']:.3f} "
            f"| {row['validation_loss']:.3f} | {100 * row['validation_dice']:.2f} % |"
        )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as results:
        os.environ["nnUNet_results"] = results
        os.environ.setdefault("nnUNet_n_proc_DA", "0")
        main()
