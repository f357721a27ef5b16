import pytest

from nnunetv2_cipa.dataset_conversion.petct_weights import read_weights
from nnunetv2_cipa.errors import InputError


def test_weights_of_a_table(tmp_path):
    (table := tmp_path / "weights.csv").write_text("PatientID,kg\nA,70.5\n\nB, 80\n")
    assert read_weights(table) == {"A": 70.5, "B": 80.0}
    for text in ("A,70\nB,heavy\n", "A,70\nB,0\n", "A,70\nB,nan\n", "x,y\nA\n"):
        table.write_text(text)
        with pytest.raises(InputError):
            read_weights(table)
    with pytest.raises(InputError):
        read_weights(tmp_path / "none.csv")
