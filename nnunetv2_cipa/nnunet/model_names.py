"""How nnU-Net names models: TRAINER__PLANS__CONFIGURATION, which is their folder's name, and parts of it."""

from nnunetv2_cipa.errors import InputError

_SEPARATOR = "__"
_FORMS = {
    (1, 2): "TRAINER[__PLANS]",
    (1, 3): "TRAINER[__PLANS[__CONFIGURATION]]",
    (3, 3): "TRAINER__PLANS__CONFIGURATION",
}


def model_name(*parts: str) -> str:
    """Name of a trainer, perhaps with plans and a configuration."""
    return _SEPARATOR.join(parts)


def name_parts(name: str, fewest: int = 3, most: int = 3) -> list[str]:
    """Trainer, plans and configuration of a name, as far as it has them.

    Args:
        name: Of a model, or a part of it.
        fewest: Parts that it must have.
        most: Parts that it can have.

    Raises:
        InputError: it has fewer or more, or an empty one.
    """
    parts = name.split(_SEPARATOR)
    if not fewest <= len(parts) <= most or not all(parts):
        raise InputError(f"{name}: expected {_FORMS[fewest, most]}, as nnU-Net names models.")
    return parts
