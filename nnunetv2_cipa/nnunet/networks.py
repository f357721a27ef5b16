"""The network that nnU-Net would train, or predict with, by a plan."""

from collections.abc import Mapping
from typing import Any

from nnunetv2.utilities.label_handling.label_handling import determine_num_input_channels
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from torch import nn

from .plans import check_configuration
from .trainer_search import find_trainer


def build_network(
    trainer: str, plans: Mapping[str, Any], configuration: str, dataset_json: Mapping[str, Any]
) -> tuple[nn.Module, tuple[int, ...]]:
    """Build a trainer's network, with initial weights and without deep supervision.

    Args:
        trainer: its name.
        plans: content of a plans file.
        configuration: in the plans.
        dataset_json: content of dataset.json.

    Returns:
        The network, and the shape of its input without the batch: channels and patch size.

    Raises:
        InputError: there is no such trainer or configuration.
    """
    check_configuration(plans, configuration)
    manager = PlansManager(plans)
    settings = manager.get_configuration(configuration)
    channels = determine_num_input_channels(manager, settings, dataset_json)
    heads = manager.get_label_manager(dataset_json).num_segmentation_heads
    network = find_trainer(trainer).build_network_architecture(
        manager, settings, channels, heads, enable_deep_supervision=False
    )
    return network, (channels, *settings.patch_size)
