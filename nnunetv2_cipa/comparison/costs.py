"""What a network costs: measured in a process of its own, so that nothing else counts."""

import json
import sys

from nnunetv2_cipa.nnunet.model_folder import ModelFolder
from nnunetv2_cipa.processes import output_of

from .model_facts import Costs


def measure_costs(trained: ModelFolder, device: str) -> Costs:
    """Measure the network of a model folder on one image of its plan's patch size.

    Args:
        trained: Its plans say what network its trainer builds; its weights are not needed.
        device: "cpu", "cuda" or "mps".

    Raises:
        InputError: the network cannot be built or run; the message has the end of what the process printed.
    """
    command = [sys.executable, "-m", "nnunetv2_cipa.comparison.network_costs"]
    arguments = [str(trained.folder), trained.trainer, trained.configuration, device]
    failure = f"The network of {trained.folder} could not be measured on {device}"
    lines = output_of([*command, *arguments], failure=failure).splitlines()
    content = json.loads(next(line for line in reversed(lines) if line.startswith("{")))  # libraries may print too
    return Costs(**{**content, "patch_size": tuple(content["patch_size"])})
