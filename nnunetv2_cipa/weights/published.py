"""The published network's state dict, turned into `CIPA`'s, and back."""

from collections.abc import Mapping

import torch
from torch import Tensor

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.weights.input_scaling import UNSCALED, InputScaling, fold, unfold
from nnunetv2_cipa.weights.layout import our_key, published_key

PATCH_EMBEDDING = "encoder.patch_embedding.projection.weight"
PATCH_EMBEDDING_BIAS = "encoder.patch_embedding.projection.bias"
CHANNEL_ORDER = "channel_order"
HEAD = "decoder.seg_layers.0.weight"
_FLAT = (".scan.A_log", ".scan.D")
_DELTA_BIAS = ".dt_projs_bias"


def from_published(
    state_dict: Mapping[str, Tensor], num_classes: int = 2, scaling: InputScaling = UNSCALED
) -> dict[str, Tensor]:
    """Convert a published state dict (keys `backbone.*` and `decode_head.*`) to one that `CIPA` loads strictly.

    The published network takes CT first and repeats each grey image to three channels: the first convolution's weight
    is summed over them. Its one sigmoid channel z becomes two softmax channels (0, z): a background of zero weight.

    Args:
        state_dict: published names and shapes, or a part of them, which gives that part.
        num_classes: channels of the converted head: those of the published head, or 2 for a published head of 1.
        scaling: what the published network's input is, given ours; folded into the first convolution.

    Raises:
        InputError: a key that the published network does not have, or a head that `num_classes` does not fit.
    """
    unknown = [key for key in state_dict if our_key(key) is None]
    if unknown:
        raise InputError(
            f"not a published CIPA state dict: {len(unknown)} of its {len(state_dict)} keys are unknown, "
            f"{unknown[0]!r} for one. Expected names such as 'backbone.vssm.patch_embed.0.weight'."
        )
    ours = {name: _reshaped(name, key, state_dict) for key in state_dict if (name := our_key(key))}
    if PATCH_EMBEDDING in ours:
        weight, bias = ours[PATCH_EMBEDDING], ours[PATCH_EMBEDDING_BIAS]
        ours[PATCH_EMBEDDING], ours[PATCH_EMBEDDING_BIAS] = fold(weight, bias, scaling)
    if HEAD in ours:
        ours[HEAD] = _softmax_head(ours[HEAD], num_classes)
    return {CHANNEL_ORDER: torch.arange(2), **ours}


def to_published(state_dict: Mapping[str, Tensor], scaling: InputScaling = UNSCALED) -> dict[str, Tensor]:
    """Convert `CIPA`'s state dict to the published one, of which `from_published` is the inverse.

    The first convolution's weight is spread over three channels, and of two softmax channels the difference is kept,
    whose sigmoid is their softmax. The order of channels is left out: the published network is given CT and PET apart.

    Args:
        state_dict: of a `CIPA` with CRM and DCIM.
        scaling: what the published network's input is, given ours; taken out of the first convolution.

    Raises:
        InputError: a head of more than two channels.
    """
    ours = {name: value for name, value in state_dict.items() if name != CHANNEL_ORDER}
    weight, bias = ours[PATCH_EMBEDDING], ours[PATCH_EMBEDDING_BIAS]
    ours[PATCH_EMBEDDING], ours[PATCH_EMBEDDING_BIAS] = unfold(weight, bias, scaling)
    ours[HEAD] = _sigmoid_head(ours[HEAD])
    ours = {name: value.flatten(0, 1) if name.endswith(_FLAT) else value for name, value in ours.items()}
    return {key: value for name, value in ours.items() if (key := published_key(name))}


def _reshaped(name: str, key: str, state_dict: Mapping[str, Tensor]) -> Tensor:
    """The value of `key`; published A and D have the scan's directions in one dimension with its channels."""
    value = state_dict[key]
    if not name.endswith(_FLAT):
        return value
    directions, width = state_dict[key.rpartition(".")[0] + _DELTA_BIAS].shape
    return value.reshape(directions, width, *value.shape[1:])


def _softmax_head(weight: Tensor, num_classes: int) -> Tensor:
    if len(weight) == 1 and num_classes == 2:
        return torch.cat((torch.zeros_like(weight), weight))
    if len(weight) != num_classes:
        raise InputError(f"the published head has {len(weight)} output channel(s); it cannot become {num_classes}")
    return weight


def _sigmoid_head(weight: Tensor) -> Tensor:
    if len(weight) > 2:
        raise InputError(
            f"the published head has one output channel, tumour or not; a head of {len(weight)} cannot become it"
        )
    return weight[1:] - weight[:1] if len(weight) == 2 else weight
