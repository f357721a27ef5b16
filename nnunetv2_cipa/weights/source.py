"""A file of published weights: which layout it has, for which network it is, and what is in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.network import CIPA, VARIANTS, VariantName
from nnunetv2_cipa.weights.checkpoint_file import read_checkpoint, state_dict_of
from nnunetv2_cipa.weights.input_scaling import IMAGENET, PUBLISHED, InputScaling
from nnunetv2_cipa.weights.layout import our_key
from nnunetv2_cipa.weights.names import canonical_names
from nnunetv2_cipa.weights.published import PATCH_EMBEDDING, to_published
from nnunetv2_cipa.weights.token_grid import square_patch_size

ENCODER = "backbone.vssm."
_OUTPUT_NORMS = "backbone.vssm.outnorm"
_FIRST = "backbone.vssm.patch_embed.0.weight"
_TOKENS = "backbone.cross_mamba.0.channel_weights.mlp.0.weight"
_STAGES = 4
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


def read_source(path: Path) -> Source:
    """Read and recognise a checkpoint of CIPA or of VMamba.

    Raises:
        InputError: the file cannot be read, has neither layout, is of an unknown variant, lacks weights, or has some
            of another shape.
    """
    state_dict = canonical_names(state_dict_of(read_checkpoint(path), path))
    if PATCH_EMBEDDING in state_dict:
        raise InputError(
            f"{path} holds weights of nnU-Net's CIPA already: nnUNetv2_train -pretrained_weights takes it."
        )
    if _FIRST not in state_dict:
        raise InputError(
            f"{path} is neither a CIPA nor a VMamba checkpoint: its names begin with {next(iter(state_dict))!r}, "
            "and none of them is that of the first convolution."
        )
    variant = _variant(state_dict, path)
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


def _variant(state_dict: Mapping[str, Tensor], path: Path) -> VariantName:
    channels = len(state_dict[_FIRST])
    blocks = {tuple(key.split(".")[3:6:2]) for key in state_dict if key.startswith(f"{ENCODER}layers.")}
    depths = tuple(
        sum(1 for stage, block in blocks if stage == str(number) and block.isdigit()) for number in range(_STAGES)
    )
    for name in get_args(VariantName):
        variant = VARIANTS[name]
        if (variant.channels, variant.depths) == (channels, depths):
            return name
    known = ", ".join(f"{name} has {variant.channels} and {variant.depths}" for name, variant in VARIANTS.items())
    raise InputError(
        f"{path} has an encoder of {channels} channels and {depths} blocks, which is no variant of CIPA's: {known}. "
        "Later VMamba versions have other encoders; those of its first version fit."
    )


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
