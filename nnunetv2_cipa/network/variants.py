"""The published sizes of the network."""

from dataclasses import dataclass
from typing import Literal

VariantName = Literal["tiny", "small", "base"]


@dataclass(frozen=True)
class Variant:
    """Size of the shared encoder: blocks per stage, channels of the first stage, and its highest DropPath rate."""

    depths: tuple[int, int, int, int]
    channels: int
    drop_path_rate: float

    @property
    def stage_channels(self) -> tuple[int, int, int, int]:
        """Channels of the four feature maps, at strides 4, 8, 16 and 32."""
        return (self.channels, 2 * self.channels, 4 * self.channels, 8 * self.channels)


VARIANTS: dict[str, Variant] = {
    "tiny": Variant(depths=(2, 2, 9, 2), channels=96, drop_path_rate=0.0),
    "small": Variant(depths=(2, 2, 27, 2), channels=96, drop_path_rate=0.3),
    "base": Variant(depths=(2, 2, 27, 2), channels=128, drop_path_rate=0.6),
}
