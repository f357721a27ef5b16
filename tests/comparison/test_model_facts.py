import pytest

from nnunetv2_cipa.comparison import Curve


@pytest.mark.parametrize(("losses", "epochs"), [((), []), ((0.5,), [0]), ((0.5, 0.25, 0.125), [0, 1, 2])])
def test_epochs_are_counted_from_0(losses, epochs):
    assert list(Curve("0", losses, (), (), (), ()).epochs) == epochs
