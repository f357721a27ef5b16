"""Every trainer of CIPA by its name: which encoder, what is left out, and how long it trains.

nnUNetTrainerCIPA[_ENCODER][_ABLATION][_SCHEDULE], such as nnUNetTrainerCIPA_small_noCRM_50epochs. A class is made when
its name is first asked for, and is this module's from then on, so that it can be pickled and imported by other
processes. A new ablation is one line in `ABLATIONS`: any class attributes of `nnUNetTrainerCIPA`.
"""

import re
import sys
from collections.abc import Mapping
from typing import Any

from nnunetv2_cipa.network import VARIANTS, VariantName
from nnunetv2_cipa.training.base_trainer import BaseTrainer
from nnunetv2_cipa.training.nnUNetTrainerCIPA import nnUNetTrainerCIPA
from nnunetv2_cipa.training.planned import nnUNetTrainer_planned
from nnunetv2_cipa.training.quick import nnUNetTrainer_demo, nnUNetTrainer_quick

ENCODERS: Mapping[str, Mapping[str, Any]] = {
    name: {"variant": name} for name in VARIANTS if name != nnUNetTrainerCIPA.variant
}
ABLATIONS: Mapping[str, Mapping[str, Any]] = {
    "noCRM": {"use_crm": False},
    "noDCIM": {"use_dcim": False},
    "noCRMnoDCIM": {"use_crm": False, "use_dcim": False},
}
SCHEDULES: Mapping[str, type[BaseTrainer]] = {
    "quick": nnUNetTrainer_quick,
    "demo": nnUNetTrainer_demo,
    "planned": nnUNetTrainer_planned,
}

_NAME = re.compile(
    rf"(?P<network>nnUNetTrainerCIPA(_(?P<encoder>{'|'.join(ENCODERS)}))?(_(?P<ablation>{'|'.join(ABLATIONS)}))?)"
    rf"(_(?P<schedule>{'|'.join(SCHEDULES)})|_(?P<epochs>1epoch|([2-9]|[1-9]\d+)epochs))?"
)


def trainer_name(variant: VariantName) -> str:
    """Name of the trainer of a whole network of this size, on nnU-Net's schedule."""
    return nnUNetTrainerCIPA.__name__ if variant == nnUNetTrainerCIPA.variant else f"nnUNetTrainerCIPA_{variant}"


def __getattr__(name: str) -> type[nnUNetTrainerCIPA]:
    found = _NAME.fullmatch(name)
    if found is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    trainer = _trainer(name, **found.groupdict())
    made: type[nnUNetTrainerCIPA] = globals().setdefault(name, trainer)  # the first, where two threads ask
    return made


def _trainer(
    name: str, network: str, encoder: str | None, ablation: str | None, schedule: str | None, epochs: str | None
) -> type[nnUNetTrainerCIPA]:
    bases: tuple[type, ...] = (nnUNetTrainerCIPA,)
    attributes: dict[str, Any] = {}
    if name == network:
        attributes |= ENCODERS.get(encoder or "", {})
        attributes |= ABLATIONS.get(ablation or "", {})
    else:
        bases = (getattr(sys.modules[__name__], network),)
        if schedule:
            bases = (SCHEDULES[schedule], *bases)
        if epochs:
            attributes["epochs"] = int(epochs.partition("epoch")[0])
    choices = ", ".join(f"{key} {value}" for key, value in attributes.items())
    description = f"{' and '.join(base.__name__ for base in bases)}{choices and f', with {choices}'}."
    return type(name, bases, {**attributes, "__module__": __name__, "__doc__": description})
