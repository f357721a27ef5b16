"""A CIPA of ours that has been trained: its checkpoint, and the plans that nnU-Net has written into it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from torch import Tensor

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.network import CIPA, VariantName
from nnunetv2_cipa.nnunet.model_folder import FINAL_CHECKPOINT
from nnunetv2_cipa.weights.checkpoint_file import read_checkpoint, state_dict_of
from nnunetv2_cipa.weights.encoder_variant import encoder_variant
from nnunetv2_cipa.weights.names import canonical_names
from nnunetv2_cipa.weights.published import HEAD, PATCH_EMBEDDING
from nnunetv2_cipa.weights.token_grid import FINEST_POSITIONS, depends_on_grid, square_patch_size

PatchSize = tuple[int, int]
_ANY_PATCH_SIZE = (32, 32)


@dataclass(frozen=True)
class NNUNetSettings:
    """What the plans in a checkpoint say.

    Attributes:
        patch_size: of the configuration.
        normalizations: scheme of each input channel.
        has_regions: whether the labels are regions, each with a sigmoid of its own.
    """

    patch_size: PatchSize
    normalizations: Sequence[str]
    has_regions: bool


@dataclass(frozen=True)
class TrainedModel:
    """Weights by our names, and what is known of their training.

    Attributes:
        weights: every parameter and buffer of the network.
        variant: size of the encoder.
        patch_size: H and W that CRM was made for; None if the model has no weights per position.
        settings: of nnU-Net; None if the file holds no plans.
        unused: what else is among the weights.
    """

    weights: Mapping[str, Tensor]
    variant: VariantName
    patch_size: PatchSize | None
    settings: NNUNetSettings | None
    unused: Sequence[str]

    @property
    def description(self) -> str:
        """What it is, in a few words."""
        return f"CIPA-{self.variant} of nnU-Net's"

    def own_weights(self, *, divided_by_255: bool) -> tuple[dict[str, Tensor], dict[str, str]]:
        """The weights as they are, whatever the input is scaled by, and what was changed in them: nothing."""
        return dict(self.weights), {}

    def key_of(self, name: str) -> str:
        """Name in the file of a weight of ours."""
        return name

    @property
    def missing_modules(self) -> list[str]:
        """Modules of a whole CIPA that this one was trained without, such as crm."""
        present = {_module(name) for name in self.weights}
        return [name for name, _ in _whole_network(self.variant, None).named_children() if name not in present]


def checkpoint_path(path: Path) -> Path:
    """The file itself, or the final checkpoint of a fold's folder."""
    return path / FINAL_CHECKPOINT if path.is_dir() else path


def read_trained_model(path: Path) -> TrainedModel:
    """Read a checkpoint of a CIPA, with or without what nnU-Net writes beside its weights.

    Args:
        path: file, or a fold's folder.

    Raises:
        InputError: it cannot be read, or does not hold a whole network of ours.
    """
    file = checkpoint_path(path)
    checkpoint = read_checkpoint(file)
    weights = canonical_names(state_dict_of(checkpoint, file))
    if PATCH_EMBEDDING not in weights:
        if "trainer_name" in checkpoint:
            raise InputError(f"{file} holds a {checkpoint['trainer_name']}, not a CIPA.")
        raise InputError(
            f"{file} is not a checkpoint of nnU-Net's: it lacks the weights and names that are written there."
        )
    return trained_model(checkpoint, weights, file)


def trained_model(checkpoint: Mapping[str, Any], weights: Mapping[str, Tensor], file: Path) -> TrainedModel:
    """A model from a checkpoint that has been read, and the weights in it.

    Raises:
        InputError: weights are missing or have other shapes than the network of which the others are, or its patch
            size is not known.
    """
    variant = encoder_variant(weights, PATCH_EMBEDDING, file)
    settings = _settings(checkpoint)
    patch_size = _patch_size(weights, settings, file)
    expected = _expected(weights, variant, patch_size)
    for name, shape in expected.items():
        found = tuple(weights[name].shape) if name in weights else "no weight"
        if found != shape:
            raise InputError(
                f"{file} is damaged, or no checkpoint of CIPA-{variant}: {name} has {found} instead of {shape}."
            )
    known = {name: weights[name] for name in expected}
    return TrainedModel(known, variant, patch_size, settings, [name for name in weights if name not in expected])


def _settings(checkpoint: Mapping[str, Any]) -> NNUNetSettings | None:
    arguments = checkpoint.get("init_args")
    if not isinstance(arguments, Mapping) or not {"plans", "configuration", "dataset_json"} <= arguments.keys():
        return None
    plans = PlansManager(arguments["plans"])
    configuration = plans.get_configuration(arguments["configuration"])
    height, width = configuration.patch_size
    regions = plans.get_label_manager(arguments["dataset_json"]).has_regions
    return NNUNetSettings((height, width), configuration.normalization_schemes, regions)


def _patch_size(weights: Mapping[str, Tensor], settings: NNUNetSettings | None, file: Path) -> PatchSize | None:
    """That of the plans, or of the square image with as many positions as CRM's weights have."""
    if settings is not None:
        return settings.patch_size
    if not any(map(depends_on_grid, weights)):
        return None
    positions = weights[FINEST_POSITIONS].numel() if FINEST_POSITIONS in weights else 0
    if side := square_patch_size(positions):
        return side, side
    raise InputError(
        f"{file} does not tell the patch size of its network: it holds no plans, and CRM's {positions} positions are "
        "those of no square image. Give the checkpoint as nnU-Net has written it."
    )


def _expected(
    weights: Mapping[str, Tensor], variant: VariantName, patch_size: PatchSize | None
) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the modules that have any weights; CRM, for one, has none where it was left out."""
    present = {_module(name) for name in weights}
    num_classes = len(weights[HEAD]) if HEAD in weights else 1
    whole = _whole_network(variant, patch_size, num_classes).state_dict()
    return {name: tuple(value.shape) for name, value in whole.items() if _module(name) in present}


def _whole_network(variant: VariantName, patch_size: PatchSize | None, num_classes: int = 1) -> CIPA:
    with torch.device("meta"):
        return CIPA(patch_size or _ANY_PATCH_SIZE, num_classes, variant=variant)


def _module(name: str) -> str:
    return name.partition(".")[0]
