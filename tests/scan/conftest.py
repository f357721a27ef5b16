"""The selective scan written out step by step in float64, and random arguments for it."""

import importlib.util
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nnunetv2_cipa.scan.triton_backend import is_interpreted

if is_interpreted() and importlib.util.find_spec("triton"):  # helpers of kernels: Triton patches itself at every call
    from triton.runtime.interpreter import InterpretedFunction

    call_patching, called = InterpretedFunction.__call__, set()

    def call_once_patching(function, *arguments, **keywords):
        if function.fn in called:
            return function.rewrite()(*arguments, **keywords)
        called.add(function.fn)
        return call_patching(function, *arguments, **keywords)

    InterpretedFunction.__call__ = call_once_patching

NAMES = ("u", "delta", "A", "B", "C", "D", "delta_bias", "delta_weight")


def _scan(u, delta, A, B, C, D, delta_bias, delta_softplus: bool) -> Tensor:
    u, delta, A, B, C, D, delta_bias = (tensor.double() for tensor in (u, delta, A, B, C, D, delta_bias))
    delta = delta + delta_bias[:, None]
    if delta_softplus:
        delta = F.softplus(delta, threshold=1000)
    per_group = u.shape[1] // B.shape[1]
    B, C = (tensor.repeat_interleave(per_group, dim=1) for tensor in (B, C))  # (B, G*D, N, L)
    decay = torch.exp(delta[:, :, None] * A[None, :, :, None])
    drive = (delta * u)[:, :, None] * B
    state = torch.zeros_like(drive[..., 0])
    states = []
    for factor, addition in zip(decay.unbind(-1), drive.unbind(-1), strict=True):
        state = factor * state + addition
        states.append(state)
    return (C * torch.stack(states, dim=-1)).sum(2) + D[:, None] * u


def _positions(direction: int, height: int, width: int) -> tuple[list[int], list[int]]:
    """Rows and columns in the order in which a direction meets them, written from the definition."""
    if direction in (0, 2):
        pairs = [(row, column) for row in range(height) for column in range(width)]
    else:
        pairs = [(row, column) for column in range(width) for row in range(height)]
    if direction in (2, 3):
        pairs.reverse()
    return [row for row, _ in pairs], [column for _, column in pairs]


def _scan_2d(x, delta, A, B, C, D, delta_bias, delta_weight=None) -> Tensor:
    if delta_weight is not None:
        delta = torch.einsum("bhwkr,kdr->kbhwd", delta.double(), delta_weight.double())
    total = torch.zeros_like(x, dtype=torch.float64)
    for k in range(len(delta)):
        rows, columns = _positions(k, *x.shape[1:3])
        u, dt = (tensor[:, rows, columns].transpose(1, 2) for tensor in (x, delta[k]))  # (B, D, L)
        states = [tensor[:, rows, columns, k].transpose(1, 2)[:, None] for tensor in (B, C)]  # (B, 1, N, L)
        y = _scan(u, dt, A[k], *states, D[k], delta_bias[k], True)
        maps = torch.zeros_like(total).index_put(
            (torch.arange(len(x))[:, None], torch.tensor(rows), torch.tensor(columns)), y.transpose(1, 2)
        )
        total = total + maps
    return total


@pytest.fixture(scope="session")
def reference_scan() -> Callable[..., Tensor]:
    """The scan of sequences in float64, differentiable; all eight arguments of `Backend.selective_scan`."""
    return _scan


@pytest.fixture(scope="session")
def reference_scan_2d() -> Callable[..., Tensor]:
    """The scan of maps in float64, differentiable; the arguments of `selective_scan_2d`."""
    return _scan_2d


@pytest.fixture(scope="session")
def positions() -> Callable[[int, int, int], tuple[list[int], list[int]]]:
    """Rows and columns of a map (height, width) in the order of a direction."""
    return _positions


@pytest.fixture(scope="session")
def sequence_arguments() -> Callable[..., list[Tensor]]:
    """A function that makes u, delta, A, B, C, D, delta_bias for `selective_scan`; A is negative.

    `positive_steps` makes delta and its bias positive, as they are to be where no softplus follows.
    """

    def make(
        batch=2, groups=2, channels=3, length=7, states=4, *, dtype=torch.float64, positive_steps=False, seed=0
    ) -> list[Tensor]:
        random = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(shape, generator=random, dtype=torch.float64)

        width = groups * channels
        tensors = [
            normal(batch, width, length),
            normal(batch, width, length) - 1,
            -torch.exp(normal(width, states)),
            normal(batch, groups, states, length),
            normal(batch, groups, states, length),
            normal(width),
            normal(width),
        ]
        if positive_steps:
            tensors[1], tensors[6] = tensors[1].abs(), tensors[6].abs()
        return [tensor.to(dtype) for tensor in tensors]

    return make


@pytest.fixture(scope="session")
def map_arguments() -> Callable[..., list[Tensor]]:
    """A function that makes x, delta, A, B, C, D, delta_bias for `selective_scan_2d`; A is negative.

    With a rank, delta is to be multiplied by a delta_weight, which comes last.
    """

    def make(
        batch=2, height=2, width=3, channels=3, states=4, directions=4, *, rank=0, dtype=torch.float64, seed=0
    ) -> list[Tensor]:
        random = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(shape, generator=random, dtype=torch.float64)

        tensors = [
            normal(batch, height, width, channels),
            normal(directions, batch, height, width, channels) - 1,
            -torch.exp(normal(directions, channels, states)),
            normal(batch, height, width, directions, states),
            normal(batch, height, width, directions, states),
            normal(directions, channels),
            normal(directions, channels),
        ]
        if rank:
            tensors[1] = normal(batch, height, width, directions, rank)
            tensors.append(normal(directions, channels, rank) / rank**0.5)
        return [tensor.to(dtype) for tensor in tensors]

    return make


def _relative_error(actual: Tensor, expected: Tensor) -> float:
    """Largest absolute difference, relative to the largest expected value."""
    if expected.numel() == 0:
        return 0.0
    difference = (actual.detach().double() - expected.detach()).abs().amax()
    return float(difference / expected.detach().abs().amax().clamp(min=1e-30))


@pytest.fixture(scope="session")
def assert_accurate() -> Callable[..., None]:
    """A function that compares a scan and its gradients with a reference: 1e-5 forward, 1e-4 gradients, relative."""

    def check(scan, reference, tensors: list[Tensor], *, forward=1e-5, gradients=1e-4, seed=0) -> None:
        ours = [tensor.detach().clone().requires_grad_() for tensor in tensors]
        exact = [tensor.detach().double().requires_grad_() for tensor in tensors]
        y, expected = scan(*ours), reference(*exact)
        assert y.isfinite().all()
        assert _relative_error(y, expected) < forward
        grad_y = torch.randn(expected.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        actual_gradients = torch.autograd.grad(y, ours, grad_y.to(y))
        expected_gradients = torch.autograd.grad(expected, exact, grad_y.to(expected))
        for name, actual, right in zip(NAMES[: len(tensors)], actual_gradients, expected_gradients, strict=True):
            assert actual.isfinite().all(), name
            assert _relative_error(actual, right) < gradients, f"gradient of {name}"

    return check
