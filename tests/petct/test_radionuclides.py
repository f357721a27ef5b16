import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.petct.radionuclides import half_life_of


def item(half_life=None, value="", meaning=""):
    code = {"RadionuclideCodeSequence": {"value": value, "meaning": meaning}} if value or meaning else {}
    return {**({} if half_life is None else {"RadionuclideHalfLife": half_life}), **code}


@pytest.mark.parametrize("half_life", [6586.2, 6588.0, 6586.199707])
def test_the_files_own_half_life_is_taken(half_life):
    assert half_life_of(item(half_life, "C-111A1", "18F")) == (half_life, None)
    assert half_life_of(item(half_life)) == (half_life, None)


@pytest.mark.parametrize("half_life", [76.4, 78.4, 282276.0, 52200.0])
def test_a_half_life_without_its_radionuclide_is_taken(half_life):
    """Of Rb-82, which is that of Zr-89 in hours, too; of Zr-89; and of one that is not listed."""
    assert half_life_of(item(half_life)) == (half_life, None)


@pytest.mark.parametrize(
    ("value", "meaning", "minutes"),
    [
        ("C-111A1", "18F", 109.8),
        ("77004003", "^18^Fluorine", 109.8),
        ("", "Fluorine-18", 109.8),
        ("", "F-18", 109.8),
        ("C-131A3", "^68^Gallium", 67.7),
        ("35337001", "", 67.7),
        ("63360001", "^89^Zirconium", 4704.6),
    ],
)
def test_a_missing_one_comes_from_the_radionuclide_and_is_said(value, meaning, minutes):
    seconds, note = half_life_of(item(None, value, meaning))
    assert seconds == pytest.approx(60 * minutes, rel=2e-3)
    assert "0018,1075" in note


@pytest.mark.parametrize(
    "wrong",
    [
        item(),
        item(None, "C-00000", "something"),
        item(0.0),
        item(109.77, "C-111A1", "18F"),
        item(109.77),  # minutes
        item(67.7),
        item(1.8295),  # hours
        item(6586.2, "C-131A3", "68Ga"),
        item("long"),
    ],
)
def test_unknown_or_contradictory_half_lives_are_refused(wrong):
    with pytest.raises(InputError, match="0018,1075"):
        half_life_of(wrong)
