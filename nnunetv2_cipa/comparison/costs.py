"""What a network costs: measured in a process of its own, so that nothing else counts."""

import json
import subprocess
import sys

from nnunetv2_cipa.errors import InputError

from .model_folder import ModelFolder
from .records import Costs

_LAST_LINES = 15


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
    done = subprocess.run([*command, *arguments], capture_output=True, encoding="utf-8", check=False)
    if done.returncode != 0:
        last = "\n".join((done.stdout + done.stderr).splitlines()[-_LAST_LINES:])
        raise InputError(f"The network of {trained.folder} could not be measured on {device}:\n{last}")
    content = json.loads(done.stdout.splitlines()[-1])
    return Costs(**{**content, "patch_size": tuple(content["patch_size"])})
