import pytest
import torch

from nnunetv2_cipa.network import CIPA
from nnunetv2_cipa.network.recomputed import Recomputed, set_recompute


def kept_bytes_and_gradients(network, images):
    kept = {}

    def pack(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    network.zero_grad()
    torch.manual_seed(1)  # the decoder's DropPath
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = network(images).square().mean()
    loss.backward()
    return sum(kept.values()), {name: parameter.grad for name, parameter in network.named_parameters()}


@pytest.mark.slow
def test_recomputing_gives_the_same_gradients_and_batch_statistics_from_less_memory():
    torch.manual_seed(0)
    network, images = CIPA((64, 64)).train(), torch.randn(2, 2, 64, 64)
    state = {name: value.clone() for name, value in network.state_dict().items()}
    kept, expected = kept_bytes_and_gradients(network, images)
    statistics = {name: value.clone() for name, value in network.state_dict().items() if "running" in name}

    network.load_state_dict(state)
    set_recompute(network, True)
    kept_less, gradients = kept_bytes_and_gradients(network, images)
    assert kept_less < kept / 2
    torch.testing.assert_close(gradients, expected)
    for name, value in statistics.items():
        torch.testing.assert_close(network.state_dict()[name], value)


def test_it_can_be_switched_off_and_is_off_in_evaluation():
    network = CIPA((32, 32))
    set_recompute(network, True)
    layers = [module for module in network.modules() if isinstance(module, Recomputed)]
    assert len(layers) > 30
    assert all(layer.recompute for layer in layers)
    set_recompute(network, False)
    assert not any(layer.recompute for layer in layers)
