"""The network that nnU-Net has planned for a dataset, to be filled with weights."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.network import CIPA
from nnunetv2_cipa.nnunet.folders import dataset_folder
from nnunetv2_cipa.nnunet.networks import build_network
from nnunetv2_cipa.nnunet.plans import are_divided_by_255, read_planned_json


@dataclass(frozen=True)
class PlannedNetwork:
    """A network with its initial weights, and the normalisation scheme of each input channel."""

    network: CIPA
    normalizations: Sequence[str]

    @property
    def divided_by_255(self) -> bool:
        """Whether all channels are 8-bit values divided by 255."""
        return are_divided_by_255(self.normalizations)


def planned_network(dataset: str, plans: str, configuration: str, trainer: str, seed: int) -> PlannedNetwork:
    """Build the network that `nnUNetv2_train dataset configuration -tr trainer -p plans` would train.

    Args:
        dataset: name or number.
        plans: plans identifier.
        configuration: in the plans.
        trainer: name of a trainer of CIPA.
        seed: of the initial weights.

    Raises:
        InputError: one of these does not exist, or the trainer's network is not CIPA.
    """
    folder = dataset_folder("nnUNet_preprocessed", dataset)
    content, dataset_json = (read_planned_json(folder / name) for name in (f"{plans}.json", "dataset.json"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network, _ = build_network(trainer, content, configuration, dataset_json)
    if not isinstance(network, CIPA):
        raise InputError(f"{trainer} trains a {type(network).__name__}, not CIPA. Choose -tr nnUNetTrainerCIPA.")
    return PlannedNetwork(network, PlansManager(content).get_configuration(configuration).normalization_schemes)
