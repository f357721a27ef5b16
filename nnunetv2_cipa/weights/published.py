"""The published network's state dict, turned into `CIPA`'s."""

from collections.abc import Mapping

import torch
from torch import Tensor

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.weights.layout import our_key

PATCH_EMBEDDING = "encoder.patch_embedding.projection.weight"
CHANNEL_ORDER = "channel_order"
HEAD = "decoder.seg_layers.0.weight"


def from_published(state_dict: Mapping[str, Tensor], num_classes: int = 2) -> dict[str, Tensor]:
    """Convert a published state dict (keys `backbone.*` and `decode_head.*`) to one that `CIPA` loads strictly.

    The published network takes CT first and repeats each grey image to three channels: the first convolution's weight
    is summed over them. Its one sigmoid channel z becomes two softmax channels (0, z): a background of zero weight.

    Args:
        state_dict: published names and shapes.
        num_classes: channels of the converted head: those of the published head, or 2 for a published head of 1.

    Raises:
        InputError: a key that the published network does not have, or a head that `num_classes` does not fit.
    """
    unknown = [key for key in state_dict if our_key(key) is None]
    if unknown:
        raise InputError(
            f"not a published CIPA state dict: {len(unknown)} of its {len(state_dict)} keys are unknown, "
            f"{unknown[0]!r} for one. Expected names such as 'backbone.vssm.patch_embed.0.weight'."
        )
    ours = {name: _converted(name, key, state_dict, num_classes) for key in state_dict if (name := our_key(key))}
    return {CHANNEL_ORDER: torch.arange(2), **ours}


def _converted(name: str, key: str, state_dict: Mapping[str, Tensor], num_classes: int) -> Tensor:
    value = state_dict[key]
    if name == PATCH_EMBEDDING:
        return value.sum(dim=1, keepdim=True)
    if name == HEAD:
        return _head(value, num_classes)
    if name.endswith((".scan.A_log", ".scan.D")):
        scan = key.rpartition(".")[0]
        directions, width = state_dict[f"{scan}.dt_projs_bias"].shape
        return value.reshape(directions, width, *value.shape[1:])
    return value


def _head(weight: Tensor, num_classes: int) -> Tensor:
    if len(weight) == 1 and num_classes == 2:
        return torch.cat((torch.zeros_like(weight), weight))
    if len(weight) != num_classes:
        raise InputError(f"the published head has {len(weight)} output channel(s); it cannot become {num_classes}")
    return weight
