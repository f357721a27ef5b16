"""Tables of what is known of models beside their figures: costs, training, and what others have published."""

import math
from collections.abc import Callable, Sequence

from nnunetv2_cipa.evaluation.wording import amount, shown

from .comparison import ComparedModel
from .model_facts import Costs
from .published_results import SOURCE, PublishedRow
from .table import Cell, Table, model_columns


def costs_table(models: Sequence[ComparedModel]) -> Table:
    """Costs of the networks that were measured."""
    lines: dict[str, Callable[[Costs], str]] = {
        "Parameters, millions": lambda costs: shown(costs.parameters / 1e6),
        "GFLOPs": lambda costs: shown(costs.flops / 1e9),
        "Patch size, pixels": lambda costs: "x".join(map(str, costs.patch_size)),
        "Seconds per image": lambda costs: amount(costs.seconds_per_image),
        "Peak memory, MB": lambda costs: amount(costs.peak_memory_bytes / 1e6),
        "Device": lambda costs: costs.device,
        "Threads": lambda costs: str(costs.threads),
    }
    known = {model.name: model.costs for model in models if model.costs is not None}
    rows = [(Cell(title), *(Cell(text(costs)) for costs in known.values())) for title, text in lines.items()]
    notes = (
        "Of one forward pass of one image of the patch size, without mirroring. A multiplication and an addition count "
        "as two operations. Memory: weights and all that the pass needs.",
    )
    return Table("Costs of the networks", model_columns(*known), tuple(rows) if known else (), notes)


def training_table(models: Sequence[ComparedModel]) -> Table:
    """The end of each training."""
    rows = [
        (
            Cell(model.name, is_model=True),
            Cell(curve.fold),
            Cell(str(len(curve.epochs))),
            Cell(shown(sum(curve.epoch_seconds) / 3600)),
            Cell(shown(_last(curve.train_loss), decimals=4)),
            Cell(shown(_last(curve.val_loss), decimals=4)),
            Cell(shown(_last(curve.pseudo_dice), "fraction")),
        )
        for model in models
        for curve in model.curves
    ]
    columns = ("", "Fold", "Epochs", "Hours", "Training loss", "Validation loss", "Pseudo Dice %")
    notes = ("Losses and pseudo Dice of the last epoch, as nnU-Net logged them.",)
    return Table("Training", tuple(map(Cell, columns)), tuple(rows), notes)


def published_table(published: Sequence[PublishedRow]) -> Table:
    """Results of others."""
    columns: dict[str, Callable[[PublishedRow], str]] = {
        "Method": lambda row: row.method,
        "IoU %": lambda row: shown(row.iou, "fraction"),
        "Dice %": lambda row: shown(row.dice, "fraction"),
        "Acc %": lambda row: shown(row.balanced_accuracy, "fraction"),
        "HD95 pixels": lambda row: shown(row.hausdorff95),
        "GFLOPs": lambda row: shown(row.gflops),
        "Parameters, millions": lambda row: shown(row.million_parameters),
    }
    notes = (
        f"As printed in {SOURCE}: not measured here.",
        "Comparable only to results on PCLT20K's test set in its full size, 512x512.",
        "How GFLOPs were counted is not said; the figure for CIPA is near to its number of multiply-adds, half of its "
        "floating-point operations as they are counted here.",
    )
    rows = tuple(tuple(Cell(text(row)) for text in columns.values()) for row in published)
    return Table("Published results, PCLT20K test set", tuple(map(Cell, columns)), rows, notes)


def _last(values: Sequence[float]) -> float:
    return values[-1] if values else math.nan
