"""Weights from elsewhere fitted to a network that is to be trained further."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.network import CIPA, VARIANTS, VariantName
from nnunetv2_cipa.training.trainers import trainer_name
from nnunetv2_cipa.weights.import_summary import ImportSummary
from nnunetv2_cipa.weights.published import CHANNEL_ORDER, HEAD
from nnunetv2_cipa.weights.source import Source
from nnunetv2_cipa.weights.token_grid import depends_on_grid, resample_crm
from nnunetv2_cipa.weights.trained_model import TrainedModel

OtherPatchSize = Literal["resample", "new"]


def fit_weights(
    source: Source | TrainedModel, network: CIPA, *, divided_by_255: bool, crm: OtherPatchSize = "resample"
) -> tuple[dict[str, Tensor], ImportSummary]:
    """Fill a network's state dict with what fits of some weights; the rest stays as it is in the network.

    The head stays new, as nnU-Net's fine-tuning has it.

    Args:
        source: published weights, or a trained model of ours.
        network: as trained, with its initial weights.
        divided_by_255: whether the network's input is v/255 of 8-bit values v in both channels. Then the input
            scaling of published weights is folded into the first convolution; otherwise that is taken as it is.
        crm: what becomes of CRM's weights per position where the patch size is another one.

    Returns:
        A state dict that the network loads strictly, and what became of every key.

    Raises:
        InputError: the network is of another variant.
    """
    _require_variant(source.variant, network)
    weights, adapted = source.own_weights(divided_by_255=divided_by_255)
    initial = network.state_dict()
    new = {CHANNEL_ORDER: "set by the trainer", HEAD: "nnU-Net's fine-tuning leaves the head new"}
    if source.patch_size is not None and source.patch_size != network.patch_size:
        per_position = {name: value for name, value in weights.items() if depends_on_grid(name) and name in initial}
        sizes = f"from patch size {_shown(source.patch_size)} to {_shown(network.patch_size)}"
        if crm == "resample":
            weights |= resample_crm(per_position, source.patch_size, network.patch_size)
            adapted |= dict.fromkeys(per_position, f"resampled {sizes}")
        else:
            new |= dict.fromkeys(per_position, f"not resampled {sizes}")
    new |= {name: "not in the file" for name in initial if name not in weights}
    filled = {name: value if name in new else weights[name] for name, value in initial.items()}
    return filled, ImportSummary(
        taken=[name for name in initial if name not in new and name not in adapted],
        adapted=adapted,
        new=new,
        unused=[
            *(key for name in weights if (name in new or name not in initial) and (key := source.key_of(name))),
            *source.unused,
        ],
    )


def _require_variant(variant: VariantName, network: CIPA) -> None:
    depths = tuple(len(list(stage.children())) for stage in network.encoder.stages)
    channels = network.encoder.patch_embedding.norm.weight.numel()
    wanted = VARIANTS[variant]
    if (wanted.depths, wanted.channels) != (depths, channels):
        raise InputError(
            f"the weights are of CIPA's variant {variant}, the trainer's network is not: use -tr "
            f"{trainer_name(variant)}."
        )


def _shown(patch_size: Sequence[int]) -> str:
    return "x".join(map(str, patch_size))
