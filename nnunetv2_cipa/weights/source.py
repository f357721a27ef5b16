"""A file of weights: which layout it has, for which network it is, and what is in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.network import CIPA, VariantName
from nnunetv2_cipa.weights.checkpoint_file import read_checkpoint, state_dict_of
from nnunetv2_cipa.weights.encoder_variant import encoder_variant
from nnunetv2_cipa.weights.input_scaling import IMAGENET, PUBLISHED, UNSCALED, InputScaling
from nnunetv2_cipa.weights.layout import our_key, published_key
from nnunetv2_cipa.weights.names import canonical_names
from nnunetv2_cipa.weights.published import PATCH_EMBEDDING, PATCH_EMBEDDING_BIAS, from_published, to_published
from nnunetv2_cipa.weights.token_grid import square_patch_size
from nnunetv2_cipa.weights.trained_model import TrainedModel, checkpoint_path, trained_model

ENCODER = "backbone.vssm."
_OUTPUT_NORMS = "backbone.vssm.outnorm"
_FIRST = "backbone.vssm.patch_embed.0.weight"
_TOKENS = "backbone.cross_mamba.0.channel_weights.mlp.0.weight"
_SMALLEST = (128, 128)


@dataclass(frozen=True)
class Source:
    """Published weights by their canonical published names.

    Attributes:
        layout: "CIPA", a whole network, or "VMamba", an ImageNet encoder.
        variant: which size of encoder.
        patch_size: H and W of the images that CRM was made for; None for VMamba.
        weights: every parameter and buffer of that layout.
        unused: what else is in the file.
    """

    layout: Literal["CIPA", "VMamba"]
    variant: VariantName
    patch_size: tuple[int, int] | None
    weights: Mapping[str, Tensor]
    unused: Sequence[str]

    @property
    def scaling(self) -> InputScaling:
        """The input these weights were trained on, given v/255 of 8-bit grey values v."""
        return PUBLISHED if self.layout == "CIPA" else IMAGENET

    @property
    def description(self) -> str:
        """What it is, in a few words."""
        return f"{self.layout}-{self.variant}"

    def own_weights(self, *, divided_by_255: bool) -> tuple[dict[str, Tensor], dict[str, str]]:
        """The weights by our names, and how the first convolution was adapted.

        Args:
            divided_by_255: whether our network's input is v/255 of 8-bit values v in both channels. Then the input
                scaling of these weights is folded into the first convolution; otherwise that is taken as it is.
        """
        scaling = self.scaling if divided_by_255 else UNSCALED
        weights = from_published(self.weights, num_classes=1, scaling=scaling)
        if not divided_by_255:
            left = f"summed over RGB; its input scaling ({self.scaling.name}) is not folded in"
            return weights, {PATCH_EMBEDDING: left}
        how = f"summed over RGB, with its input scaling ({scaling.name}) folded in"
        return weights, {PATCH_EMBEDDING: how, PATCH_EMBEDDING_BIAS: how}

    def key_of(self, name: str) -> str | None:
        """Published name of a weight of ours, or None if it has none."""
        return published_key(name)


def read_source(path: Path) -> Source | TrainedModel:
    """Read and recognise a checkpoint of the published CIPA, of VMamba, or of a CIPA of ours.

    Args:
        path: file, or the folder of a fold that nnU-Net has trained.

    Raises:
        InputError: the file cannot be read, has none of these layouts, is of an unknown variant, lacks weights, or has
            some of another shape.
    """
    path = checkpoint_path(path)
    checkpoint = read_checkpoint(path)
    state_dict = canonical_names(state_dict_of(checkpoint, path))
    if PATCH_EMBEDDING in state_dict:
        return trained_model(checkpoint, state_dict, path)
    if _FIRST not in state_dict:
        raise InputError(
            f"{path} is neither a CIPA nor a VMamba checkpoint: its names begin with {next(iter(state_dict))!r}, "
            "and none of them is that of the first convolution."
        )
    variant = encoder_variant(state_dict, _FIRST, path)
    layout: Literal["CIPA", "VMamba"] = "VMamba" if all(_is_encoder(key) for key in _known(state_dict)) else "CIPA"
    patch_size = _patch_size(state_dict, path) if layout == "CIPA" else None
    expected = published_shapes(variant, patch_size)
    weights = {key: value for key, value in state_dict.items() if key in expected}
    _require_complete(weights, expected, path, f"{layout}-{variant}")
    unused = [key for key in state_dict if key not in expected]
    return Source(layout, variant, patch_size, weights, unused)


def published_shapes(variant: VariantName, patch_size: tuple[int, int] | None) -> dict[str, torch.Size]:
    """Names and shapes in a published CIPA checkpoint for a patch size; for None, of the encoder in a VMamba one."""
    with torch.device("meta"):
        network = CIPA(patch_size or _SMALLEST, num_classes=1, variant=variant)
        shapes = {key: value.shape for key, value in to_published(network.state_dict()).items()}
    if patch_size is not None:
        return shapes
    return {key: shape for key, shape in shapes.items() if _is_encoder(key) and not key.startswith(_OUTPUT_NORMS)}


def _is_encoder(key: str) -> bool:
    return key.startswith(ENCODER)


def _known(state_dict: Mapping[str, Tensor]) -> list[str]:
    return [key for key in state_dict if our_key(key) is not None]


def _patch_size(state_dict: Mapping[str, Tensor], path: Path) -> tuple[int, int]:
    tokens = state_dict.get(_TOKENS)
    side = square_patch_size(tokens.numel()) if tokens is not None else None
    if side is None:
        found = "is missing" if tokens is None else f"has {tokens.numel()} values, which no square image gives"
        raise InputError(f"{path} is damaged, or no CIPA checkpoint: {_TOKENS} {found}.")
    return side, side


def _require_complete(
    weights: Mapping[str, Tensor], expected: Mapping[str, torch.Size], path: Path, network: str
) -> None:
    missing = [key for key in expected if key not in weights]
    if missing:
        raise InputError(
            f"{path} is damaged, or no checkpoint of {network}: {len(missing)} of its {len(expected)} weights are "
            f"missing, {missing[0]} for one."
        )
    for key, shape in expected.items():
        if weights[key].shape != shape:
            raise InputError(
                f"{path} is damaged, or no checkpoint of {network}: {key} has shape {tuple(weights[key].shape)} "
                f"instead of {tuple(shape)}."
            )
