"""The spellings of published names: versions of CIPA and VMamba, and what wrappers put in front."""

import re
from collections.abc import Mapping

from torch import Tensor

_WRAPPERS = re.compile(r"^(module\.|_orig_mod\.)+")
_ENCODER = "backbone.vssm."
_BARE_ENCODER = re.compile(r"^(patch_embed|layers|outnorm\d)\b")
_SPELLINGS = (
    ("backbone.CRM.", "backbone.cross_mamba."),
    ("backbone.DCIM.", "backbone.channel_attn_mamba."),
    (".patch_embed.proj.", ".patch_embed.0."),
    (".patch_embed.norm.", ".patch_embed.2."),
    (".ln_1.", ".norm."),
    (".self_attention.", ".op."),
)


def canonical(key: str) -> str:
    """The name of a parameter as the published CIPA spells it now; VMamba's are those of its encoder."""
    key = _WRAPPERS.sub("", key)
    if _BARE_ENCODER.match(key):
        key = _ENCODER + key
    for spelling, ours in _SPELLINGS:
        key = key.replace(spelling, ours)
    return key


def canonical_names(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename every key to its canonical spelling."""
    return {canonical(key): value for key, value in state_dict.items()}
