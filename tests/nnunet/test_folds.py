import json

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.folds import check_folds


def test_without_a_file_there_are_nnunets_five(tmp_path):
    check_folds(tmp_path, [0, 4])
    with pytest.raises(InputError, match=r"folds 0 to 4, but not \[5\]"):
        check_folds(tmp_path, [0, 5])


@pytest.mark.parametrize("fold", [-1, 2])
def test_folds_beyond_the_file_are_refused(tmp_path, fold):
    (tmp_path / "splits_final.json").write_text(json.dumps([{"train": [], "val": []}] * 2))
    check_folds(tmp_path, [0, 1])
    with pytest.raises(InputError, match=f"folds 0 to 1, but not .*{fold}"):
        check_folds(tmp_path, [0, fold])
