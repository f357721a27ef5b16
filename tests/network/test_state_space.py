"""The scan layers: their start, against the recurrence written out, and in which order they see a map."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from nnunetv2_cipa.native import library
from nnunetv2_cipa.network import state_space
from nnunetv2_cipa.network.state_space import SS1D, SS2D, DirectionalScan


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def silu(x):
    return x * sigmoid(x)


def normalised(x, norm):
    weight, bias = arrays(norm.weight, norm.bias)
    deviation = np.sqrt(x.var(axis=-1, keepdims=True) + norm.eps)
    return (x - x.mean(axis=-1, keepdims=True)) / deviation * weight + bias


def arrays(*tensors):
    return [tensor.detach().double().numpy() for tensor in tensors]


def recurrence(scan, sequence, direction=0):
    """y (S, D) of a sequence (S, D), step by step."""
    weight, delta_weight, delta_bias, A_log, skip = (
        array[direction]
        for array in arrays(scan.projection_weight, scan.delta_weight, scan.delta_bias, scan.A_log, scan.D)
    )
    state, outputs = np.zeros(A_log.shape), []
    for x in sequence:
        low_rank, B, C = np.split(weight @ x, [scan.rank, scan.rank + scan.state_size])
        delta = np.log1p(np.exp(delta_weight @ low_rank + delta_bias))
        state = np.exp(-delta[:, None] * np.exp(A_log)) * state + np.outer(delta * x, B)
        outputs.append(state @ C + skip * x)
    return np.array(outputs)


@pytest.fixture
def scan_of_four():
    torch.manual_seed(0)
    scan = DirectionalScan(6, 3, rank=2, directions=4)
    with torch.no_grad():
        for parameter in scan.parameters():
            parameter.add_(torch.randn(parameter.shape) / 2)
    return scan


class TestDirectionalScan:
    def test_it_starts_as_mamba(self):
        torch.manual_seed(0)
        scan = DirectionalScan(512, 5, rank=4, directions=4)
        torch.testing.assert_close(-torch.exp(scan.A_log), -torch.arange(1.0, 6.0).expand(4, 512, 5))
        assert (scan.D == 1).all()
        assert 0.9 * 512**-0.5 < scan.projection_weight.abs().max() <= 512**-0.5
        assert 0.49 < scan.delta_weight.abs().max() <= 0.5

    def test_steps_start_uniform_in_their_logarithm(self):
        torch.manual_seed(0)
        scan = DirectionalScan(5000, 1, rank=1, directions=4)
        steps = torch.nn.functional.softplus(scan.delta_bias.double()).detach()
        assert steps.min() > 0.999e-3
        assert steps.max() < 0.1001
        shares = torch.histc(steps.log10(), bins=4, min=-3, max=-1) / steps.numel()
        torch.testing.assert_close(shares, torch.full((4,), 0.25).double(), rtol=0, atol=0.02)

    def test_a_single_position_in_closed_form(self, scan_of_four):
        x = torch.randn(1, 1, 1, 6)
        expected = sum(recurrence(scan_of_four, arrays(x)[0].reshape(1, 6), direction) for direction in range(4))
        found = scan_of_four(x)
        assert found.shape == (1, 1, 1, 6)
        np.testing.assert_allclose(found.detach().numpy().reshape(1, 6), expected, rtol=1e-4, atol=1e-5)

    def test_the_four_orders_of_a_map(self, scan_of_four):
        """Row by row, column by column, and both backwards; the results are summed where they belong."""
        x = torch.randn(2, 3, 4, 6)
        rows = [(row, column) for row in range(3) for column in range(4)]
        columns = [(row, column) for column in range(4) for row in range(3)]
        expected = np.zeros(x.shape)
        for image in range(2):
            for direction, order in enumerate((rows, columns, rows[::-1], columns[::-1])):
                sequence = np.array([arrays(x)[0][image, row, column] for row, column in order])
                for (row, column), y in zip(order, recurrence(scan_of_four, sequence, direction), strict=True):
                    expected[image, row, column] += y
        np.testing.assert_allclose(scan_of_four(x).detach().numpy(), expected, rtol=1e-4, atol=1e-4)

    def test_half_precision_gives_float32(self, scan_of_four):
        x = torch.randn(1, 2, 2, 6)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = scan_of_four(x)
        assert y.dtype == torch.float32
        torch.testing.assert_close(y, scan_of_four(x), rtol=0.05, atol=0.1)


class TestSS1D:
    def test_equals_its_definition(self):
        torch.manual_seed(0)
        layer, x = SS1D(20, 3), torch.randn(2, 7, 20)
        (into,), (out,) = arrays(layer.input_projection.weight), arrays(layer.output_projection.weight)
        expected = []
        for sequence in arrays(x)[0]:
            parts = silu(sequence @ into.T)
            y = recurrence(layer.scan, parts[:, :40])
            expected.append((normalised(y, layer.output_norm) * parts[:, 40:]) @ out.T)
        assert layer.scan.rank == 2
        np.testing.assert_allclose(layer(x).detach().numpy(), expected, rtol=1e-4, atol=1e-5)

    def test_a_token_sees_itself_and_those_before(self):
        torch.manual_seed(0)
        layer, x = SS1D(8, 2), torch.randn(1, 6, 8)
        changed = x.clone()
        changed[:, 3] += 1
        difference = (layer(changed) - layer(x)).abs().amax(dim=(0, 2))
        assert difference[:3].max() < 1e-7
        assert difference[3:].min() > 1e-5


class TestSS2D:
    def test_equals_its_definition_on_a_single_position(self):
        """There the four orders see the same, and of a 3x3 convolution only the middle weight has something to see."""
        torch.manual_seed(0)
        layer, x = SS2D(20, 3), torch.randn(3, 1, 1, 20)
        (into,), (out,) = arrays(layer.input_projection.weight), arrays(layer.output_projection.weight)
        middle, bias = arrays(layer.convolution.weight[:, 0, 1, 1], layer.convolution.bias)
        expected = []
        for position in arrays(x)[0].reshape(3, 20):
            inner, gate = np.split(into @ position, 2)
            inner = silu(middle * inner + bias)
            y = sum(recurrence(layer.scan, inner[None], direction)[0] for direction in range(4))
            expected.append(out @ (normalised(y, layer.output_norm) * silu(gate)))
        np.testing.assert_allclose(layer(x).detach().numpy().reshape(3, 20), expected, rtol=1e-4, atol=1e-5)

    def test_a_norm_comes_first(self):
        torch.manual_seed(0)
        layer, norm, x = SS2D(8, 2), nn.LayerNorm(8), torch.randn(2, 3, 5, 8)
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
        torch.testing.assert_close(layer(x, norm), layer(norm(x)), rtol=1e-4, atol=1e-5)

    def test_a_transposed_map_with_the_orders_exchanged(self):
        """Rows become columns: the layer whose orders 0 and 1, 2 and 3 are exchanged gives the transposed map."""
        torch.manual_seed(0)
        layer, other, x = SS2D(8, 2), SS2D(8, 2), torch.randn(1, 3, 5, 8)
        with torch.no_grad():
            layer.scan.delta_bias.normal_()  # or steps are too short for the order to matter
            state = layer.state_dict()
            exchanged = {key: value[[1, 0, 3, 2]] if key.startswith("scan.") else value for key, value in state.items()}
            exchanged["convolution.weight"] = state["convolution.weight"].transpose(2, 3)
            other.load_state_dict(exchanged)
            transposed = x.transpose(1, 2).contiguous()
            torch.testing.assert_close(other(transposed), layer(x).transpose(1, 2), rtol=1e-4, atol=1e-5)
            assert not torch.allclose(layer(transposed), layer(x).transpose(1, 2), rtol=1e-2, atol=1e-3)

    @pytest.mark.skipif(isinstance(library.load(), str), reason="the kernels were not compiled")
    @pytest.mark.parametrize(("most", "batches"), [(60, [5]), (59, [4, 1]), (24, [2, 2, 1]), (1, [1, 1, 1, 1, 1])])
    def test_a_batch_is_divided_where_nothing_learns(self, most, batches, monkeypatch):
        torch.manual_seed(0)
        layer, x = SS2D(8, 2), torch.randn(5, 3, 4, 8)
        sizes = []
        layer.scan.register_forward_hook(lambda module, inputs, output: sizes.append(len(output)))
        whole = layer(x)
        monkeypatch.setattr(state_space, "MOST_POSITIONS", most)
        layer(x)
        with torch.no_grad():
            torch.testing.assert_close(layer(x), whole)
        assert sizes == [5, 5, *batches]

    @pytest.mark.parametrize(("channels", "rank"), [(1, 1), (16, 1), (17, 2), (96, 6)])
    def test_rank_of_the_steps(self, channels, rank):
        assert SS2D(channels, 1).scan.rank == SS1D(channels, 1).scan.rank == rank

    def test_number_of_weights_is_the_published_one(self):
        """Of stage 1's first block, by the shapes in the published weights."""
        shapes = [(4, 38, 192), (4, 192, 6), (4, 192), (768, 16), (768,), (384, 96), (192, 1, 3, 3), (192,)]
        shapes += [(192,), (192,), (96, 192)]
        assert sum(parameter.numel() for parameter in SS2D(96, 16).parameters()) == sum(map(math.prod, shapes))
