"""The selective scan on the processor, by the compiled kernel in `native/`."""

from collections.abc import Sequence
from typing import Any, Protocol, cast

import torch
from torch import Tensor

from nnunetv2_cipa.scan import native_library
from nnunetv2_cipa.scan.backend import Backend
from nnunetv2_cipa.scan.native_library import MapScan

_TENSORS = "Tensor x, Tensor delta, Tensor A, Tensor B, Tensor C, Tensor D, Tensor delta_bias, Tensor? delta_weight"
_INPUTS = f"{_TENSORS}, bool softplus"


def _map_scan(arguments: Sequence[Tensor | bool | None]) -> MapScan:
    return MapScan(*cast(list[Any], arguments))


def _forward(*arguments: Tensor | bool | None) -> tuple[Tensor, Tensor]:
    *inputs, for_backward = arguments
    return native_library.forward(_map_scan(inputs), bool(for_backward))


def _forward_shapes(*arguments: Tensor | bool | None) -> tuple[Tensor, Tensor]:
    *inputs, for_backward = arguments
    x, _, A, *_ = _map_scan(inputs)
    kept = native_library.kept_shape(x, A, bool(for_backward))
    return x.new_empty(x.shape, dtype=torch.float32), x.new_empty(kept, dtype=torch.float32)


def _backward(grad_y: Tensor, kept: Tensor, *arguments: Tensor | bool | None) -> list[Tensor]:
    """The gradients of the tensors that there are, each in its tensor's dtype."""
    scan = _map_scan(arguments)
    gradients = native_library.backward(grad_y, kept, scan)
    return [gradient.to(tensor.dtype) for gradient, tensor in zip(gradients, _tensors(scan), strict=True)]


def _backward_shapes(grad_y: Tensor, kept: Tensor, *arguments: Tensor | bool | None) -> list[Tensor]:
    return [tensor.new_empty(tensor.shape) for tensor in _tensors(_map_scan(arguments))]


def _tensors(scan: MapScan) -> list[Tensor]:
    return [value for value in scan if isinstance(value, Tensor)]


cpu_scan = torch.library.custom_op(
    "nnunetv2_cipa::cpu_scan",
    _forward,
    mutates_args=(),
    device_types="cpu",
    schema=f"({_INPUTS}, bool for_backward) -> (Tensor, Tensor)",
)
cpu_scan_backward = torch.library.custom_op(
    "nnunetv2_cipa::cpu_scan_backward",
    _backward,
    mutates_args=(),
    device_types="cpu",
    schema=f"(Tensor grad_y, Tensor kept, {_INPUTS}) -> Tensor[]",
)
cpu_scan.register_fake(_forward_shapes)
cpu_scan_backward.register_fake(_backward_shapes)


class _Context(Protocol):
    softplus: bool
    saved_tensors: tuple[Tensor | None, ...]

    def save_for_backward(self, *tensors: Tensor | None) -> None: ...

    def set_materialize_grads(self, value: bool) -> None: ...


def _keep(ctx: _Context, inputs: tuple[Tensor | bool | None, ...], output: tuple[Tensor, Tensor]) -> None:
    *tensors, softplus, _ = inputs
    ctx.save_for_backward(output[1], *cast(list[Tensor | None], tensors))
    ctx.softplus = bool(softplus)
    ctx.set_materialize_grads(False)


def _differentiate(ctx: _Context, grad_y: Tensor | None, _: None) -> tuple[Tensor | None, ...]:
    kept, *tensors = ctx.saved_tensors  # may be read only once under activation checkpointing
    if grad_y is None:
        return *(None for _ in tensors), None, None
    gradients = iter(cpu_scan_backward(grad_y, kept, *tensors, ctx.softplus))
    return *(None if tensor is None else next(gradients) for tensor in tensors), None, None


cpu_scan.register_autograd(_differentiate, setup_context=_keep)


def _scan(*tensors: Tensor | None, softplus: bool) -> Tensor:
    """`cpu_scan` that keeps states only if there will be a backward pass."""
    wanted = any(tensor is not None and tensor.requires_grad for tensor in tensors)
    return cpu_scan(*tensors, softplus, wanted and torch.is_grad_enabled())[0]


class CpuBackend(Backend):
    """The compiled kernel: float32 on the processor, on as many threads as torch uses, with the same result for any."""

    name = "cpu"

    def unavailable_reason(self) -> str | None:
        """None if the kernel was compiled, else why not and what to do."""
        library = native_library.load()
        return library if isinstance(library, str) else None

    def supports(self, device: torch.device, dtype: torch.dtype) -> bool:
        """Whether tensors on `device` can be scanned in `dtype`."""
        return device.type == "cpu" and dtype == torch.float32

    def selective_scan(
        self,
        u: Tensor,
        delta: Tensor,
        A: Tensor,
        B: Tensor,
        C: Tensor,
        D: Tensor,
        delta_bias: Tensor,
        delta_softplus: bool,
    ) -> Tensor:
        """Scan sequences: each group as a map of height 1, channels-last."""
        groups = B.shape[1]
        maps = [_as_maps(tensor, groups) for tensor in (u, delta)]
        weights = [tensor.unflatten(0, (groups, 1, -1)) for tensor in (A, D, delta_bias)]
        states = [tensor.permute(1, 0, 3, 2)[:, :, None, :, None] for tensor in (B, C)]  # (G, B, 1, L, 1, N)
        outputs = [
            _scan(
                maps[0][group],
                maps[1][group, None],
                weights[0][group],
                states[0][group],
                states[1][group],
                weights[1][group],
                weights[2][group],
                None,
                softplus=delta_softplus,
            )
            for group in range(groups)
        ]
        return torch.stack(outputs).squeeze(2).permute(1, 0, 3, 2).flatten(1, 2)  # (B, G*D, L)

    def selective_scan_2d(
        self,
        x: Tensor,
        delta: Tensor,
        A: Tensor,
        B: Tensor,
        C: Tensor,
        D: Tensor,
        delta_bias: Tensor,
        delta_weight: Tensor | None = None,
    ) -> Tensor:
        """Scan maps in K orders; a low-rank delta is multiplied out within the kernel, a few positions at a time."""
        return _scan(x, delta, A, B, C, D, delta_bias, delta_weight, softplus=True)


def _as_maps(sequences: Tensor, groups: int) -> Tensor:
    """Sequences (B, G*D, L) as maps of height 1: (G, B, 1, L, D)."""
    return sequences.unflatten(1, (groups, -1)).permute(1, 0, 3, 2).unsqueeze(2)
