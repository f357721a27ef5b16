import weakref
from contextlib import nullcontext

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from nnunetv2_cipa.network import CIPA
from nnunetv2_cipa.network.recomputed import Recomputed, repeating, set_recompute


def kept_bytes_and_gradients(network, images):
    kept = {}

    def pack(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    network.zero_grad()
    torch.manual_seed(1)  # the decoder's DropPath
    # PyTorch's own operators, which run where operators are counted: the fused layers keep less from the start.
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor), FlopCounterMode(display=False):
        network(images).square().mean().backward()
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


class TestRepeating:
    def test_the_gradients_are_the_same_and_the_input_is_made_again_once(self):
        x = torch.randn(3, 4, requires_grad=True)
        made = []

        def make():
            made.append(torch.is_grad_enabled())
            return torch.sin(x)

        y = repeating(make, lambda t: (t.square() * t.view(4, 3).t().sum()).sum() + t.exp().sum(), wanted=True)
        assert made == [True]
        (gradient,) = torch.autograd.grad(y, x, retain_graph=True)
        assert made == [True, False]
        s = torch.sin(x)
        (expected,) = torch.autograd.grad((s.square() * s.view(4, 3).t().sum()).sum() + s.exp().sum(), x)
        torch.testing.assert_close(gradient, expected)
        (again,) = torch.autograd.grad(y, x)
        torch.testing.assert_close(again, expected)

    def test_the_input_is_not_kept(self):
        x = torch.randn(1000, requires_grad=True)
        made = []

        def make():
            value = torch.sin(x)
            made.append(weakref.ref(value))
            return value

        kept = repeating(make, torch.square, wanted=False)
        assert made.pop()() is not None
        forgotten = repeating(make, torch.square, wanted=True)
        assert made.pop()() is None
        assert torch.equal(kept, forgotten)

    def test_without_gradients_there_is_nothing_to_repeat(self):
        x, made = torch.randn(5), []
        with torch.no_grad():
            y = repeating(lambda: made.append(1) or torch.sin(x), torch.square, wanted=True)
        assert made == [1]
        assert not y.requires_grad


@pytest.mark.slow
def test_fused_layers_train_as_pytorchs_do():
    """Gradients of a step by the fused layers, beside those of the same step by PyTorch's operators."""
    torch.manual_seed(0)
    network, images = CIPA((64, 64)).train(), torch.randn(2, 2, 64, 64)
    network.eval()  # without DropPath
    gradients = []
    for context in (nullcontext(), FlopCounterMode(display=False)):
        network.zero_grad()
        with context:
            network(images).square().mean().backward()
        gradients.append({name: parameter.grad for name, parameter in network.named_parameters()})
    for name, gradient in gradients[0].items():
        difference = (gradient - gradients[1][name]).norm() / gradients[1][name].norm().clamp(min=1e-12)
        assert difference < 1e-3, name
