"""The CIPA network, an `nn.Module` of its own that knows nothing of nnU-Net."""

from nnunetv2_cipa.network.cipa import CIPA, MODALITIES, stage_sizes
from nnunetv2_cipa.network.variants import VARIANTS, Variant, VariantName

__all__ = ["CIPA", "MODALITIES", "VARIANTS", "Variant", "VariantName", "stage_sizes"]
