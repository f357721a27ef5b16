"""What others have published for PCLT20K's test set: none of it is measured here."""

import math
from dataclasses import dataclass

SOURCE = "Mei et al., CIPA, CVPR 2025, https://arxiv.org/abs/2503.17261"


@dataclass(frozen=True)
class PublishedRow:
    """A line of a published table; NaN where it has no figure.

    Attributes:
        method: Its name there.
        iou: Pooled, a fraction.
        dice: Pooled, a fraction.
        balanced_accuracy: Pooled, a fraction; "Acc" there.
        hausdorff95: Mean over slices of 512x512, in pixels.
        gflops: As printed, at 512x512; how they were counted is not.
        million_parameters: As printed.
    """

    method: str
    iou: float
    dice: float
    balanced_accuracy: float
    hausdorff95: float
    gflops: float
    million_parameters: float


def _row(
    method: str, iou: float, dice: float, acc: float, hd95: float, gflops: float = math.nan, million: float = math.nan
) -> PublishedRow:
    iou, dice, acc = (round(percent / 100, 4) for percent in (iou, dice, acc))
    return PublishedRow(method, iou, dice, acc, hd95, gflops, million)


PUBLISHED = (
    _row("CIPA", 63.81, 77.91, 89.01, 17.74, 76.18, 54.57),
    _row("CIPA without CRM", 63.48, 77.66, 86.77, math.nan, math.nan, 52.17),
    _row("CIPA without DCIM", 62.70, 77.08, 86.09, math.nan, math.nan, 36.32),
    _row("CIPA without both", 62.12, 76.64, 84.95, math.nan, math.nan, 33.92),
    _row("Sigma", 63.26, 77.50, 85.37, 22.56, 76.18, 48.28),
    _row("CMNeXt", 63.12, 77.39, 85.77, 24.95, 119.49, 58.68),
    _row("nnSAM", 62.93, 77.25, 85.24, 22.49),
    _row("GeminiFusion", 62.49, 76.91, 85.09, 20.70, 129.92, 75.54),
    _row("nnU-Net", 61.44, 76.11, 85.61, 22.94),
    _row("TransUNet", 51.72, 68.18, 78.01, 102.97, 258.58, 186.46),
    _row("Swin-Unet", 36.41, 53.38, 75.48, 124.68, 62.25, 54.29),
)
