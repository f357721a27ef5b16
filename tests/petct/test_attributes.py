import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.petct.attributes import number, shared, words


class TestShared:
    @pytest.mark.parametrize("value", ["BQML", 3.5, ("ATTN", "DECY"), None])
    def test_the_value_of_all_slices(self, value):
        assert shared([{"Units": value, "Rows": number} for number in range(3)], "Units") == value

    def test_what_all_lack_is_none(self):
        assert shared([{}, {"Rows": 1}], "Units") is None

    @pytest.mark.parametrize(("other", "said"), [({"Units": "CNTS"}, "'CNTS'"), ({}, "None")])
    def test_other_values_are_named(self, other, said):
        with pytest.raises(InputError, match=rf"Units \(0054,1001\) differs .*: 'BQML' and {said}\. Separate"):
            shared([{"Units": "BQML"}, {"Units": "BQML"}, other], "Units")


class TestNumber:
    @pytest.mark.parametrize(("value", "expected"), [(80, 80.0), (0.0, 0.0), ("72.5", 72.5), (" -1e3 ", -1000.0)])
    def test_numbers_as_headers_have_them(self, value, expected):
        found = number({"PatientWeight": value}, "PatientWeight", "Enter it.")
        assert (found, type(found)) == (expected, float)

    @pytest.mark.parametrize("values", [{}, {"PatientWeight": None}])
    def test_missing_ones_are_named_with_a_remedy(self, values):
        with pytest.raises(InputError, match=r"^PatientWeight \(0010,1030\) is missing\. Enter it\.$"):
            number(values, "PatientWeight", "Enter it.")

    @pytest.mark.parametrize("value", ["72,5", "", "heavy", "nan", float("inf"), (70.0, 71.0), {}])
    def test_what_is_no_number_is_named_with_a_remedy(self, value):
        with pytest.raises(InputError) as raised:
            number({"PatientWeight": value}, "PatientWeight", "Enter it.")
        assert str(raised.value) == f"PatientWeight (0010,1030) is {value!r}, not a number. Enter it."


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ()),
        ("", ("",)),
        ("decy", ("DECY",)),
        (" Static\t", ("STATIC",)),
        (("norm ", "Attn"), ("NORM", "ATTN")),
        (["WHOLE BODY", "image"], ("WHOLE BODY", "IMAGE")),
        ((), ()),
    ],
)
def test_words_are_in_upper_case(value, expected):
    assert words(value) == expected
