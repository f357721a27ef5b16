"""CIPA: cross-modal interactive perception network (CVPR 2025, https://arxiv.org/abs/2503.17261)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nnunetv2_cipa.network.crm import CRM
from nnunetv2_cipa.network.dcim import DCIM
from nnunetv2_cipa.network.decoder import Decoder
from nnunetv2_cipa.network.encoder import PATCH, Encoder
from nnunetv2_cipa.network.variants import VARIANTS, VariantName

MODALITIES = ("CT", "PET")
STAGES = 4


class CIPA(nn.Module):
    """Segments CT and PET of one slice: one encoder for both, CRM, DCIM and a sum at four stages, one decoder.

    Args:
        patch_size: H and W in pixels of every input, at least 4 each, best multiples of 32; CRM's weights depend on it.
        num_classes: channels of the logits.
        variant: "tiny", "small" or "base" encoder.
        use_crm: False leaves channel-wise rectification out (the paper's ablation).
        use_dcim: False replaces cross-modality interaction by a sum (the paper's ablation).

    The buffer `channel_order` says which input channel is CT and which PET, (0, 1) unless set. It is part of the state
    dict, so weights trained on images with PET first stay right wherever they are loaded.

    Raises:
        ValueError: unknown variant, a patch size that is not two integers of at least 4, or fewer than one class.
    """

    def __init__(
        self,
        patch_size: Sequence[int],
        num_classes: int = 2,
        *,
        variant: VariantName = "tiny",
        use_crm: bool = True,
        use_dcim: bool = True,
    ) -> None:
        super().__init__()
        self.patch_size = _checked_patch_size(patch_size)
        if variant not in VARIANTS:
            raise ValueError(f"variant {variant!r} is unknown; choose one of {', '.join(VARIANTS)}")
        if num_classes < 1:
            raise ValueError(f"num_classes must be at least 1, found {num_classes}")
        self.encoder = Encoder(VARIANTS[variant])
        channels = VARIANTS[variant].stage_channels
        maps = stage_sizes(self.patch_size)
        self.crm = nn.ModuleList(CRM(height * width) for height, width in maps) if use_crm else None
        self.dcim = nn.ModuleList(DCIM(stage) for stage in channels) if use_dcim else None
        self.decoder = Decoder(channels, num_classes)
        self.channel_order: Tensor
        self.register_buffer("channel_order", torch.arange(len(MODALITIES)))
        self.to(memory_format=torch.channels_last)  # as its maps are, or each call of a convolution copies its weights

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 2, H, W), channel 0 CT and channel 1 PET (or in `channel_order`), to logits (B, num_classes, H, W).

        Raises:
            ValueError: another number of channels than two, or another size than the patch size; in evaluation, values
                that are not finite, which would give an empty mask without a word. Compiled code does not look at them.
        """
        if x.ndim != 4 or tuple(x.shape[1:]) != (len(MODALITIES), *self.patch_size):
            expected = f"(B, {len(MODALITIES)}, {self.patch_size[0]}, {self.patch_size[1]})"
            raise ValueError(f"CIPA was built for input {expected}, a CT and a PET channel; found {tuple(x.shape)}")
        if not (self.training or torch.compiler.is_compiling() or x.is_meta or torch.isfinite(x).all()):
            raise ValueError("CIPA's input has values that are NaN or infinite: look for them in the images")
        x = x.index_select(1, self.channel_order)
        # Both modalities go through the shared encoder as one batch: CT in its first half, PET in its second.
        maps = self.encoder(x.transpose(0, 1).flatten(0, 1).unsqueeze(1))
        fused = [self._fuse(stage, *both.chunk(2)) for stage, both in enumerate(maps)]
        return self.decoder(fused, self.patch_size)

    def _fuse(self, stage: int, ct: Tensor, pet: Tensor) -> Tensor:
        rectified = (ct, pet) if self.crm is None else self.crm[stage](ct, pet)
        if self.dcim is None:
            return rectified[0] + rectified[1]
        return ct + pet + self.dcim[stage](*rectified)


def _checked_patch_size(patch_size: Sequence[int]) -> tuple[int, int]:
    size = tuple(int(side) for side in patch_size)
    if len(size) != 2 or min(size) < PATCH:
        raise ValueError(f"patch_size must be two sides of at least {PATCH} pixels (CIPA is 2D), found {size}")
    return size[0], size[1]


def stage_sizes(patch_size: tuple[int, int]) -> list[tuple[int, int]]:
    """Height and width of the encoder's four maps: a quarter (rounded down), then halves (rounded up)."""
    sizes = [(patch_size[0] // PATCH, patch_size[1] // PATCH)]
    while len(sizes) < STAGES:
        height, width = sizes[-1]
        sizes.append((-(-height // 2), -(-width // 2)))
    return sizes
