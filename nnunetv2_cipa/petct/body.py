"""From SUV by lean body mass or body surface to SUV by body weight."""

from nnunetv2_cipa.errors import InputError

from .attributes import Values, number
from .tags import named


def suv_type_factor(suv_type: str, values: Values, weight: float | None) -> tuple[float, str]:
    """What an SUV of this kind is to be multiplied with to become SUV by body weight, and the rule in words.

    Args:
        suv_type: SUVType (0054,1006): BW, BSA, LBMJAMES128 or LBMJANMA.
        values: attributes of a slice: weight, height and, for lean mass, sex.
        weight: of the patient in kg, where the header's is missing or wrong.

    Raises:
        InputError: the kind is not defined well enough (LBM, IBW), or what the formula needs is missing.
    """
    from .suv import body_weight

    if suv_type == "BW":
        return 1.0, "SUV by body weight already"
    if suv_type not in ("BSA", "LBMJAMES128", "LBMJANMA"):
        raise InputError(
            f"{named('SUVType')} is {suv_type}: its formula is not defined. Export the series as SUV by body "
            "weight or in BQML."
        )
    kilograms, _ = body_weight(values, weight)
    metres = number(values, "PatientSize", "Enter the height, or export the series in BQML.")
    if not 0.3 < metres < 2.6:
        raise InputError(f"{named('PatientSize')} is {metres:g} m. Enter the height in metres, or export in BQML.")
    if suv_type == "BSA":
        surface = 0.007184 * (100 * metres) ** 0.725 * kilograms**0.425
        return kilograms * 0.1 / surface, f"SUV by body surface (Du Bois) times {kilograms:g} kg / {surface:.3g} m2"
    lean = _lean_mass(suv_type, values, kilograms, metres)
    return kilograms / lean, f"SUV by lean mass ({suv_type}) times {kilograms:g} kg / {lean:.3g} kg"


def _lean_mass(suv_type: str, values: Values, kilograms: float, metres: float) -> float:
    """Lean body mass in kg: James 1976 with 128 for men, or Janmahasatian 2005."""
    sex = str(values.get("PatientSex", "")).upper()
    if sex not in ("M", "F"):
        raise InputError(f"{named('PatientSex')} is {sex or 'missing'}, but lean mass needs M or F. Export in BQML.")
    if suv_type == "LBMJANMA":
        index = kilograms / metres**2
        return 9270 * kilograms / (6680 + 216 * index if sex == "M" else 8780 + 244 * index)
    slope, curve = (1.10, 128) if sex == "M" else (1.07, 148)
    return slope * kilograms - curve * (kilograms / (100 * metres)) ** 2
