"""A CIPA that nnU-Net has trained: its checkpoint, and the plans in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from torch import Tensor

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.weights.checkpoint_file import read_checkpoint, state_dict_of
from nnunetv2_cipa.weights.published import PATCH_EMBEDDING

FINAL = "checkpoint_final.pth"


@dataclass(frozen=True)
class TrainedModel:
    """What a checkpoint of nnU-Net's says.

    Attributes:
        weights: of the network, by our names.
        patch_size: of its configuration.
        normalizations: scheme of each input channel.
        has_regions: whether the labels are regions, each with a sigmoid of its own.
    """

    weights: Mapping[str, Tensor]
    patch_size: Sequence[int]
    normalizations: Sequence[str]
    has_regions: bool


def read_trained_model(path: Path) -> TrainedModel:
    """Read a checkpoint, or the `checkpoint_final.pth` of a fold's folder.

    Raises:
        InputError: it cannot be read, or is not nnU-Net's, or not CIPA's.
    """
    file = path / FINAL if path.is_dir() else path
    checkpoint = read_checkpoint(file)
    arguments = checkpoint.get("init_args")
    if "network_weights" not in checkpoint or not isinstance(arguments, dict):
        raise InputError(f"{file} is not a checkpoint of nnU-Net's: it lacks network_weights or init_args.")
    weights = state_dict_of(checkpoint, file)
    if PATCH_EMBEDDING not in weights:
        raise InputError(f"{file} holds a {checkpoint.get('trainer_name')}, not a CIPA.")
    plans, dataset_json = PlansManager(arguments["plans"]), arguments["dataset_json"]
    configuration = plans.get_configuration(arguments["configuration"])
    return TrainedModel(
        weights,
        configuration.patch_size,
        configuration.normalization_schemes,
        plans.get_label_manager(dataset_json).has_regions,
    )
