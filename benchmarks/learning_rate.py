"""Compare initial learning rates of CIPA, with and without a linear warm-up, over several seeds.

`python benchmarks/learning_rate.py -d 605 -lr 3e-4 1e-3 3e-3 --warm-up 0 20 --seeds 1 2 3 --patch 128 --epochs 12 -o
rates.json` trains the quick trainer once for each rate, warm-up and seed for equally many iterations, predicts the
fold's validation cases and pools their pixels. Trainings that are in the JSON file already are not repeated. nnU-Net's
three folders must be set; models are trained in a temporary folder. With one rate, one seed and many epochs it shows
whether a long training stays stable: mean loss, and norms of the gradients before they are clipped, of each epoch.
"""

import argparse
import itertools
import json
import os
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nnunetv2_cipa.files import new_file

Row = dict[str, Any]


def train(arguments: argparse.Namespace, rate: float, warm_up: int, seed: int) -> Row:
    """Train once and return its figures."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - nnU-Net's loader draws from the global generator
    torch.manual_seed(seed)
    trainer = _trainer(arguments, rate)
    start = time.monotonic()
    epochs = [_epoch(trainer, epoch, warm_up) for epoch in range(trainer.num_epochs)]
    seconds = time.monotonic() - start
    trainer.perform_actual_validation()
    summary = json.loads(Path(trainer.output_folder, "validation", "summary.json").read_text(encoding="utf-8"))
    counts = [case["metrics"]["1"] for case in summary["metric_per_case"]]
    tp, fp, fn = (sum(case[name] for case in counts) for name in ("TP", "FP", "FN"))
    return {
        "initial_lr": rate,
        "warm_up": warm_up,
        "seed": seed,
        "iterations": trainer.num_epochs * trainer.num_iterations_per_epoch,
        "patch_size": list(trainer.configuration_manager.patch_size),
        "validation_dice": 2 * tp / max(2 * tp + fp + fn, 1),
        "epochs": epochs,
        "seconds": seconds,
    }


def _trainer(arguments: argparse.Namespace, rate: float) -> Any:  # noqa: ANN401 - one of nnU-Net's trainers
    from nnunetv2.run.run_training import get_trainer_from_args

    device = torch.device(arguments.device)
    trainer = get_trainer_from_args(arguments.d, "2d", arguments.f, arguments.tr, arguments.p, device=device)
    trainer.initial_lr = rate
    trainer.num_epochs = arguments.epochs
    if arguments.patch:
        trainer.configuration_manager.configuration["patch_size"] = [arguments.patch, arguments.patch]
    trainer.disable_checkpointing = True
    trainer.on_train_start()
    return trainer


def _epoch(trainer: Any, epoch: int, warm_up: int) -> dict[str, float]:  # noqa: ANN401 - one of nnU-Net's trainers
    """Train for an epoch: mean loss, and median and largest norm of the gradients."""
    trainer.network.train()
    trainer.lr_scheduler.step(epoch)
    rate = trainer.optimizer.param_groups[0]["lr"]
    losses: list[float] = []
    norms: list[float] = []
    clip = torch.nn.utils.clip_grad_norm_

    def noting_clip(*positional: Any, **named: Any) -> torch.Tensor:  # noqa: ANN401
        norm = clip(*positional, **named)
        norms.append(float(norm))
        return norm

    torch.nn.utils.clip_grad_norm_ = noting_clip
    try:
        for iteration in range(trainer.num_iterations_per_epoch):
            done = epoch * trainer.num_iterations_per_epoch + iteration
            for group in trainer.optimizer.param_groups:
                group["lr"] = rate * min(1.0, (done + 1) / warm_up) if warm_up else rate
            losses.append(float(trainer.train_step(next(trainer.dataloader_train))["loss"]))
    finally:
        torch.nn.utils.clip_grad_norm_ = clip
    noted = {"loss": statistics.fmean(losses), "median_norm": statistics.median(norms), "largest_norm": max(norms)}
    print(f"  epoch {epoch}: " + ", ".join(f"{name} {value:.4f}" for name, value in noted.items()), flush=True)
    return noted


def table(rows: list[Row]) -> str:
    """A line for each rate and warm-up: validation Dice of each seed, their mean and standard deviation."""
    lines = ["| initial learning rate | warm-up | Dice % of each seed | mean | SD |", "|---|---|---|---|---|"]
    for rate, warm_up in sorted({(row["initial_lr"], row["warm_up"]) for row in rows}):
        of_setting = [row for row in rows if (row["initial_lr"], row["warm_up"]) == (rate, warm_up)]
        dice = [100 * row["validation_dice"] for row in sorted(of_setting, key=lambda row: row["seed"])]
        deviation = f"{statistics.stdev(dice):.1f}" if len(dice) > 1 else "-"
        shown = ", ".join(f"{value:.1f}" for value in dice)
        lines.append(f"| {rate:g} | {warm_up} | {shown} | {statistics.fmean(dice):.1f} | {deviation} |")
    return "\n".join(lines)


def main() -> None:
    """Train what is not in the file yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-d", required=True, help="dataset id or name, planned and preprocessed")
    parser.add_argument("-f", type=int, default=0, help="fold (default: %(default)s)")
    parser.add_argument("-p", default="nnUNetPlans", help="plans (default: %(default)s)")
    parser.add_argument("-tr", default="nnUNetTrainerCIPA_quick", help="trainer (default: %(default)s)")
    parser.add_argument("-lr", type=float, nargs="+", default=[3e-4, 1e-3, 3e-3], help="initial learning rates")
    parser.add_argument("--warm-up", type=int, nargs="+", default=[0], help="iterations of linear warm-up (default: 0)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of each setting (default: 0)")
    parser.add_argument("--epochs", type=int, default=12, help="of the trainer's 10 iterations (default: %(default)s)")
    parser.add_argument("--patch", type=int, help="side of the patches in pixels (default: the plan's)")
    parser.add_argument("-device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("-o", type=Path, required=True, help="JSON file; what is in it is not trained again")
    arguments = parser.parse_args()
    rows: list[Row] = json.loads(arguments.o.read_text(encoding="utf-8")) if arguments.o.exists() else []
    done = {(row["initial_lr"], row["warm_up"], row["seed"]) for row in rows}
    for seed, rate, warm_up in itertools.product(arguments.seeds, arguments.lr, arguments.warm_up):
        if (rate, warm_up, seed) not in done:
            print(f"initial learning rate {rate:g}, warm-up {warm_up}, seed {seed}", flush=True)
            rows.append(train(arguments, rate, warm_up, seed))
            with new_file(arguments.o, overwrite=True) as file:
                file.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    print(table(rows))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as results:
        os.environ["nnUNet_results"] = results
        os.environ.setdefault("nnUNet_n_proc_DA", "0")
        main()
