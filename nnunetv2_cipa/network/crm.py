"""CRM, the channel-wise rectification module (CIPA, section 3.2, https://arxiv.org/abs/2503.17261)."""

import torch
from torch import Tensor, nn

from nnunetv2_cipa.network.fused import project_normalised
from nnunetv2_cipa.network.projection import Projection
from nnunetv2_cipa.network.state_space import SS1D

EMBEDDING = 96
STATE_SIZE = 16


class CRM(nn.Module):
    """Scales every channel of both modalities by 1 + a weight that all 2C channels decide together.

    Each channel's whole map is one token of a sequence over the 2C channels, CT first. The token length ties the
    module to the map's size.

    Args:
        positions: H * W of the maps.
    """

    def __init__(self, positions: int) -> None:
        super().__init__()
        self.token_norm = nn.LayerNorm(positions)
        self.embedding = Projection(positions, EMBEDDING)
        self.activation = nn.GELU()
        self.channel_scan = SS1D(EMBEDDING, STATE_SIZE)
        self.weight_norm = nn.LayerNorm(EMBEDDING)
        self.weight = Projection(EMBEDDING, 1)

    def forward(self, ct: Tensor, pet: Tensor) -> tuple[Tensor, Tensor]:
        """Rectify the two maps, each (B, H, W, C)."""
        ct_weights, pet_weights = self.channel_weights(ct, pet).chunk(2, dim=-1)
        return torch.addcmul(ct, ct_weights, ct), torch.addcmul(pet, pet_weights, pet)

    def channel_weights(self, ct: Tensor, pet: Tensor) -> Tensor:
        """Weights in (0, 1) of the channels of CT, then of PET: (B, 1, 1, 2C)."""
        tokens = torch.cat((ct, pet), dim=-1).flatten(1, 2).transpose(1, 2)  # (B, 2C, H*W)
        (embedded,) = project_normalised(tokens, self.token_norm, self.embedding.weight, bias=self.embedding.bias)
        embedded = self.activation(embedded)  # (B, 2C, 96)
        weights = torch.sigmoid(self.weight(self.weight_norm(self.channel_scan(embedded))))  # (B, 2C, 1)
        return weights.transpose(1, 2).unsqueeze(1)
