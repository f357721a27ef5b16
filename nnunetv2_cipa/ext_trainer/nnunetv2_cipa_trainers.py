"""What nnU-Net finds when it searches this folder for a trainer.

nnU-Net imports every module of the folders in `nnUNet_extTrainer`, looks for the class by name and forgets the module
again. So this folder holds this one module, of a name nobody else has, and the classes live in the installed package,
where they can be pickled. They are imported when asked for by name: whoever searches for another trainer neither pays
for nor depends on ours.
"""

import importlib
import importlib.util

PACKAGE = "nnunetv2_cipa"
PREFIXES = ("nnUNetTrainerCIPA", "nnUNetTrainer_quick", "nnUNetTrainer_demo", "nnUNetTrainer_planned")
TRAINERS = f"{PACKAGE}.training.trainers"


def __getattr__(name: str) -> object:
    # A program of another environment, without the package, inherits this folder when it is started from ours.
    if name.startswith(PREFIXES) and importlib.util.find_spec(PACKAGE) is not None:
        return getattr(importlib.import_module(TRAINERS), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
