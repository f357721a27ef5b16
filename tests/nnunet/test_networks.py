import pytest
import torch

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.network import CIPA
from nnunetv2_cipa.nnunet.networks import build_network
from nnunetv2_cipa.weights.folder_writing import png_plans

DATASET = {"channel_names": {"0": "CT", "1": "PET"}, "labels": {"background": 0, "tumor": 1, "node": 2}}


def test_the_trainers_network_is_built():
    network, shape = build_network("nnUNetTrainerCIPA_noCRM", png_plans("Dataset1_A", (32, 64)), "2d", DATASET)
    assert isinstance(network, CIPA)
    assert network.crm is None
    assert shape == (2, 32, 64)
    assert network.eval()(torch.zeros(1, *shape)).shape == (1, 3, 32, 64)


@pytest.mark.parametrize(
    ("trainer", "configuration", "message"),
    [
        ("nnUNetTrainerCIPB", "2d", "does not find a trainer 'nnUNetTrainerCIPB'"),
        ("nnUNetTrainerCIPA", "3d_fullres", "has no configuration '3d_fullres'"),
    ],
)
def test_what_does_not_exist_is_named(trainer, configuration, message):
    with pytest.raises(InputError, match=message):
        build_network(trainer, png_plans("Dataset1_A", (32, 32)), configuration, DATASET)
