import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.trainer_search import find_trainer


@pytest.mark.parametrize("name", ["nnUNetTrainer", "nnUNetTrainerCIPA"])
@pytest.mark.slow
def test_trainers_are_found_without_a_word(name, capsys):
    assert find_trainer(name).__name__ == name
    assert capsys.readouterr().out == ""


def test_a_misspelt_trainer_is_named():
    with pytest.raises(InputError, match=r"'nnUNetTrainerCIPPA'.*doctor"):
        find_trainer("nnUNetTrainerCIPPA")
