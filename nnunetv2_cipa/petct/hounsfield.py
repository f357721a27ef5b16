"""CT in HU, with air where the scanner has written something else beyond its field of view."""

import numpy as np
import SimpleITK as sitk  # noqa: N813

from .attributes import Values, number
from .grids import AIR_HU
from .series import Series, read_volume


def read_ct(series: Series) -> sitk.Image:
    """HU of a CT series; padding, and whatever is below -1024, is air. int16 if all HU are whole, else float32.

    Raises:
        InputError: see `read_volume`.
    """
    image = read_volume(series)
    values = sitk.GetArrayFromImage(image)
    for index, header in enumerate(series.headers):
        if padding := _padding(header.values):
            low, high = padding
            values[index][(values[index] >= low) & (values[index] <= high)] = AIR_HU
    np.maximum(values, AIR_HU, out=values)
    whole = bool(np.array_equal(values, np.rint(values)) and values.max() < np.iinfo(np.int16).max)
    ct = sitk.GetImageFromArray(values.astype(np.int16) if whole else values)
    ct.CopyInformation(image)
    return ct


def _padding(values: Values) -> tuple[float, float] | None:
    """Lowest and highest HU that stand for padding."""
    if "PixelPaddingValue" not in values:
        return None
    slope, intercept = (number(values, keyword, "") for keyword in ("RescaleSlope", "RescaleIntercept"))
    stored = float(values["PixelPaddingValue"])
    ends = (stored, float(values.get("PixelPaddingRangeLimit", stored)))
    low, high = sorted(slope * end + intercept for end in ends)
    return low - 1e-3, high + 1e-3
