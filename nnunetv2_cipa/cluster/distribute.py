"""Steps for many machines: predictions in nnU-Net's own parts, trainings on several GPUs by nnU-Net's own DDP."""

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from nnunetv2_cipa.steps import Step

TRAIN = "nnUNetv2_train"
PREDICT = ("nnUNetv2_predict", "nnUNetv2_predict_from_modelfolder")


def distribute(steps: Iterable[Step], *, parts: int = 1, gpus: int = 1) -> list[Step]:
    """Make steps for several machines or GPUs of some for one; names and what they leave stay the same.

    Args:
        steps: of which nnU-Net's trainings and predictions are changed.
        parts: for `-num_parts` of each prediction; a last step, of the prediction's name, brings them together.
        gpus: for `-num_gpus` of each training.
    """
    distributed: list[Step] = []
    for step in steps:
        program = Path(step.command[0]).name
        if program == TRAIN and gpus > 1:
            distributed.append(replace(step, options=(*step.options, "-num_gpus", str(gpus))))
        elif program in PREDICT and parts > 1:
            distributed += _in_parts(step, parts)
        else:
            distributed.append(step)
    return distributed


def _in_parts(step: Step, parts: int) -> list[Step]:
    """A step for each part, in a folder of its own, and one that joins the folders."""
    [folder] = step.makes
    predictions = [_part(step, folder, number, parts) for number in range(parts)]
    folders = [str(prediction.makes[0]) for prediction in predictions]
    join = (sys.executable, "-m", "nnunetv2_cipa.cluster.join", "-o", str(folder), "-i", *folders)
    names = tuple(prediction.name for prediction in predictions)
    joined = Step(step.name, join, needs=names, makes=step.makes, beside=True, proof=step.proof)
    return [*predictions, joined]


def _part(step: Step, folder: Path, number: int, parts: int) -> Step:
    place = folder.with_name(f"{folder.name}_part_{number}_of_{parts}")
    words = tuple(str(place) if word == str(folder) else word for word in step.command)
    return replace(
        step,
        name=f"{step.name}_part_{number}_of_{parts}",
        command=(*words, "-num_parts", str(parts), "-part_id", str(number)),
        makes=(place,),
        proof=(),
    )
