"""Published weights fitted to a network that is to be trained further."""

from typing import Literal

from torch import Tensor

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.network import CIPA, VARIANTS, VariantName
from nnunetv2_cipa.weights.input_scaling import UNSCALED, InputScaling
from nnunetv2_cipa.weights.layout import published_key
from nnunetv2_cipa.weights.published import (
    CHANNEL_ORDER,
    HEAD,
    PATCH_EMBEDDING,
    PATCH_EMBEDDING_BIAS,
    from_published,
)
from nnunetv2_cipa.weights.report import Report
from nnunetv2_cipa.weights.source import Source
from nnunetv2_cipa.weights.token_grid import depends_on_grid, resample_crm

OtherPatchSize = Literal["resample", "new"]


def fit_weights(
    source: Source, network: CIPA, *, divided_by_255: bool, crm: OtherPatchSize = "resample"
) -> tuple[dict[str, Tensor], Report]:
    """Fill a network's state dict with what fits of published weights; the rest stays as it is in the network.

    The head stays new, as nnU-Net's fine-tuning has it.

    Args:
        source: the published weights.
        network: as trained, with its initial weights.
        divided_by_255: whether the network's input is v/255 of 8-bit values v in both channels. Then the input
            scaling of the published weights is folded into the first convolution; otherwise that is taken as it is.
        crm: what becomes of CRM's weights per position where the patch size is another one.

    Returns:
        A state dict that the network loads strictly, and what became of every key.

    Raises:
        InputError: the network is of another variant.
    """
    _require_variant(source.variant, network)
    scaling = source.scaling if divided_by_255 else UNSCALED
    weights = from_published(source.weights, num_classes=1, scaling=scaling)
    initial = network.state_dict()
    adapted = _first_convolution(scaling, source)
    new = {CHANNEL_ORDER: "set by the trainer", HEAD: "nnU-Net's fine-tuning leaves the head new"}
    if source.patch_size not in (None, network.patch_size):
        per_position = {name: value for name, value in weights.items() if depends_on_grid(name) and name in initial}
        sizes = f"from patch size {_shown(source.patch_size)} to {_shown(network.patch_size)}"
        if crm == "resample":
            weights |= resample_crm(per_position, source.patch_size, network.patch_size)
            adapted |= dict.fromkeys(per_position, f"resampled {sizes}")
        else:
            new |= dict.fromkeys(per_position, f"not resampled {sizes}")
    new |= {name: "not in the file" for name in initial if name not in weights}
    filled = {name: value if name in new else weights[name] for name, value in initial.items()}
    return filled, Report(
        taken=[name for name in initial if name not in new and name not in adapted],
        adapted=adapted,
        new=new,
        unused=[
            *(key for name in weights if (name in new or name not in initial) and (key := published_key(name))),
            *source.unused,
        ],
    )


def _require_variant(variant: VariantName, network: CIPA) -> None:
    depths = tuple(len(list(stage.children())) for stage in network.encoder.stages)
    channels = network.encoder.patch_embedding.norm.weight.numel()
    wanted = VARIANTS[variant]
    if (wanted.depths, wanted.channels) != (depths, channels):
        trainer = "nnUNetTrainerCIPA" + ("" if variant == "tiny" else f"_{variant}")
        raise InputError(
            f"the weights are of CIPA's variant {variant}, the trainer's network is not: use -tr {trainer}."
        )


def _first_convolution(scaling: InputScaling, source: Source) -> dict[str, str]:
    if scaling is UNSCALED:
        return {PATCH_EMBEDDING: f"summed over RGB; its input scaling ({source.scaling.name}) is not folded in"}
    how = f"summed over RGB, with its input scaling ({scaling.name}) folded in"
    return {PATCH_EMBEDDING: how, PATCH_EMBEDDING_BIAS: how}


def _shown(patch_size: tuple[int, int]) -> str:
    return "x".join(map(str, patch_size))
