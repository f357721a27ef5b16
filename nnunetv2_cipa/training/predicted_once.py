"""Prediction without mirroring, for trainers whose validation is to take a quarter of the time."""

from typing import Any


class PredictedOnce:
    """For trainers: mirror in training as nnU-Net does, but predict each image once."""

    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self) -> tuple[Any, ...]:
        """Configure as the trainer does; only inference does not mirror."""
        configured: tuple[Any, ...] = super().configure_rotation_dummyDA_mirroring_and_inital_patch_size()  # type: ignore[misc]
        self.inference_allowed_mirroring_axes = None
        return configured
