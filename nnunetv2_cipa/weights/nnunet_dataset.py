"""What nnU-Net has planned for a dataset: the network that a trainer would build, and how its input is normalised."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from batchgenerators.utilities.file_and_folder_operations import load_json
from nnunetv2.paths import nnUNet_preprocessed
from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name
from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name
from nnunetv2.utilities.label_handling.label_handling import determine_num_input_channels
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.network import CIPA

DIVIDED_BY_255 = "RGBTo01Normalization"


@dataclass(frozen=True)
class PlannedNetwork:
    """A network with its initial weights, and the normalisation scheme of each input channel."""

    network: CIPA
    normalizations: Sequence[str]

    @property
    def divided_by_255(self) -> bool:
        """Whether all channels are 8-bit values divided by 255."""
        return are_divided_by_255(self.normalizations)


def are_divided_by_255(normalizations: Sequence[str]) -> bool:
    """Whether nnU-Net's normalisation schemes are all a division of 8-bit values by 255."""
    return all(scheme == DIVIDED_BY_255 for scheme in normalizations)


def planned_network(dataset: str, plans: str, configuration: str, trainer: str, seed: int) -> PlannedNetwork:
    """Build the network that `nnUNetv2_train dataset configuration -tr trainer -p plans` would train.

    Args:
        dataset: name or id.
        plans: plans identifier.
        configuration: in the plans.
        trainer: name of a trainer of CIPA.
        seed: of the initial weights.

    Raises:
        InputError: one of these does not exist, or the trainer's network is not CIPA.
    """
    folder = _preprocessed_folder(dataset)
    plans_file, dataset_file = folder / f"{plans}.json", folder / "dataset.json"
    for file in (plans_file, dataset_file):
        if not file.is_file():
            raise InputError(
                f"{file} does not exist. Plan the dataset first: nnUNetv2_plan_and_preprocess -d {dataset}"
            )
    plans_manager, dataset_json = PlansManager(str(plans_file)), load_json(str(dataset_file))
    if configuration not in plans_manager.available_configurations:
        available = ", ".join(plans_manager.available_configurations)
        raise InputError(f"{plans_file} has no configuration {configuration!r}; it has {available}.")
    configuration_manager = plans_manager.get_configuration(configuration)
    num_classes = plans_manager.get_label_manager(dataset_json).num_segmentation_heads
    num_channels = determine_num_input_channels(plans_manager, configuration_manager, dataset_json)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = trainer_class(trainer).build_network_architecture(
            plans_manager, configuration_manager, num_channels, num_classes, enable_deep_supervision=False
        )
    if not isinstance(network, CIPA):
        raise InputError(f"{trainer} trains a {type(network).__name__}, not CIPA. Choose -tr nnUNetTrainerCIPA.")
    return PlannedNetwork(network, configuration_manager.normalization_schemes)


def _preprocessed_folder(dataset: str) -> Path:
    root = nnUNet_preprocessed.get()
    if not root:
        raise InputError("nnUNet_preprocessed is not set. Set it to the folder where nnU-Net plans datasets.")
    try:
        return Path(root) / maybe_convert_to_dataset_name(dataset)
    except (RuntimeError, ValueError) as error:
        raise InputError(f"There is no dataset {dataset} in nnU-Net's folders.") from error


def trainer_class(name: str) -> Any:  # noqa: ANN401  # nnU-Net has no type hints
    """The trainer nnU-Net finds by this name.

    Raises:
        InputError: it finds none.
    """
    try:
        return recursive_find_trainer_class_by_name(name)
    except RuntimeError as error:
        raise InputError(f"nnU-Net does not find a trainer {name!r}. See nnUNetv2_cipa doctor.") from error
