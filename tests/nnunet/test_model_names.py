"""Names of models, put together and taken apart."""

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.model_names import model_name, name_parts


def test_names_are_those_of_nnunets_folders():
    from nnunetv2.utilities.file_path_utilities import convert_identifier_to_trainer_plans_config

    name = model_name("nnUNetTrainer", "nnUNetPlans", "2d")
    assert list(convert_identifier_to_trainer_plans_config(name)) == name_parts(name)
    assert model_name("nnUNetTrainer") == "nnUNetTrainer"


@pytest.mark.parametrize(
    ("name", "fewest", "most", "form"),
    [
        ("T__P", 3, 3, "TRAINER__PLANS__CONFIGURATION"),
        ("T____2d", 3, 3, "TRAINER__PLANS__CONFIGURATION"),
        ("T__P__2d__x", 1, 3, r"TRAINER\[__PLANS\[__CONFIGURATION\]\]"),
        ("", 1, 3, r"TRAINER\[__PLANS\[__CONFIGURATION\]\]"),
        ("T__P__2d", 1, 2, r"TRAINER\[__PLANS\],"),
    ],
)
def test_other_names_are_refused(name, fewest, most, form):
    with pytest.raises(InputError, match=f"{name}: expected {form}"):
        name_parts(name, fewest, most)
