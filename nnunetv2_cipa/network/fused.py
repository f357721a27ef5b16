"""Steps of the network that a compiled kernel takes at once, with backward passes that compute again what is cheap.

Between forward and backward only the inputs are kept: norms, gates, activations and interpolations are repeated in the
backward pass, where they cost less than their arrays. In float32 on a processor, where the kernels were compiled; else
PyTorch's own operators do the same.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

from nnunetv2_cipa.native import library
from nnunetv2_cipa.network.products import products
from nnunetv2_cipa.network.projection import is_plain_float32, project

FINER = 4
"""Times as many rows and columns that `upsampled_logits` has."""


def project_normalised(
    x: Tensor, norm: nn.LayerNorm, weight: Tensor, bias: Tensor | None = None, parts: int = 1
) -> tuple[Tensor, ...]:
    """Project the normalised channels of x (..., C) by weight (out, C) and bias (out), in `parts` arrays.

    Returns:
        `parts` arrays (..., out / parts), each written whole.
    """
    if not is_fused(x):
        return _repeated_if_compiled(lambda x: project_in_parts(norm(x), weight, bias, parts), x)
    rows = x.reshape(-1, x.shape[-1])
    projected = _apply(_ProjectNormalised, rows, norm.weight, norm.bias, weight, bias, norm.eps, parts)
    return tuple(y.view(*x.shape[:-1], y.shape[-1]) for y in projected)


def project_in_parts(x: Tensor, weight: Tensor, bias: Tensor | None = None, parts: int = 1) -> tuple[Tensor, ...]:
    """Project the channels of x (..., C) by weight (out, C) and bias (out), in `parts` arrays (..., out / parts)."""
    if is_fused(x) and _has_few_rows(x, weight):
        return tuple(part.contiguous() for part in project(x, weight, bias).chunk(parts, dim=-1))
    biases = (None,) * parts if bias is None else bias.chunk(parts)
    return tuple(project(x, *part) for part in zip(weight.chunk(parts), biases, strict=True))


def project_gated(x: Tensor, gate: Tensor, norm: nn.LayerNorm, weight: Tensor) -> Tensor:
    """Project norm(x) * SiLU(gate), both (..., C), by weight (out, C): (..., out)."""
    if not is_fused(x):
        return _repeated_if_compiled(lambda x, gate: project(norm(x) * F.silu(gate), weight), x, gate)
    rows, gates = x.reshape(-1, x.shape[-1]), gate.reshape(-1, gate.shape[-1])
    y: Tensor = _apply(_ProjectGated, rows, gates, norm.weight, norm.bias, weight, norm.eps)
    return y.view(*x.shape[:-1], weight.shape[0])


def depthwise_silu(x: Tensor, convolution: nn.Conv2d) -> Tensor:
    """SiLU of a 3x3 convolution of each channel, with zeros around the map: (B, H, W, C) to the same."""
    if not is_fused(x):
        return _repeated_if_compiled(lambda x: F.silu(convolution(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)), x)
    weight = convolution.weight.flatten(1).t()  # (9, C)
    y: Tensor = _apply(_DepthwiseSiLU, x, weight, convolution.bias)
    return y


def upsampled_logits(x: Tensor, norm: nn.LayerNorm, weight: Tensor) -> Tensor:
    """Double a map (B, H, W, C) twice, bilinear, normalise its channels, and weight them by (classes, C).

    Returns:
        (B, classes, 4H, 4W).
    """
    if not is_fused(x):
        return _repeated_if_compiled(lambda x: _upsampled_logits(x, norm, weight), x)
    y: Tensor = _apply(_UpsampledLogits, x, norm.weight, norm.bias, weight, norm.eps)
    return y


def _upsampled_logits(x: Tensor, norm: nn.LayerNorm, weight: Tensor) -> Tensor:
    finer = x.permute(0, 3, 1, 2)
    for _ in range(2):
        finer = F.interpolate(finer, scale_factor=2, mode="bilinear", align_corners=False)
    return F.linear(norm(finer.permute(0, 2, 3, 1)), weight).permute(0, 3, 1, 2)


def _repeated_if_compiled(compute: Callable[..., Any], *inputs: Tensor) -> Any:  # noqa: ANN401
    """Compute something of which compiled code, too, keeps only the inputs; the rest is fused with what needs it."""
    if torch.compiler.is_compiling() and torch.is_grad_enabled():
        return checkpoint(compute, *inputs, use_reentrant=False, preserve_rng_state=False)
    return compute(*inputs)


def is_fused(x: Tensor) -> bool:
    """Whether the kernels take x, of which PyTorch sees nothing but the results."""
    return is_plain_float32(x) and not isinstance(library.load(), str)


class _Context:
    """A stand-in for autograd's context where there is no backward pass."""

    def save_for_backward(self, *tensors: Tensor) -> None:
        """Keep nothing."""


def _apply(function: type[torch.autograd.Function], *arguments: Any) -> Any:  # noqa: ANN401
    """Apply a function, by autograd only if one of its arguments learns."""
    learns = any(isinstance(argument, Tensor) and argument.requires_grad for argument in arguments)
    return (
        function.apply(*arguments) if learns and torch.is_grad_enabled() else function.forward(_Context(), *arguments)
    )


class _ProjectNormalised(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> tuple[Tensor, ...]:  # noqa: ANN401
        x, scale, shift, weight, bias, ctx.epsilon, parts = arguments
        x = x.contiguous()
        ctx.save_for_backward(x, scale, shift, weight)
        ctx.has_bias = bias is not None
        normalised = _norm(x, None, scale, shift, ctx.epsilon)
        return project_in_parts(normalised, weight, bias, parts)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        x, scale, shift, weight = ctx.saved_tensors
        grads = (torch.cat(grads, dim=1),) if _has_few_rows(x, weight) else tuple(grad.contiguous() for grad in grads)
        pairs = zip(grads, weight.chunk(len(grads)), strict=True)
        grad_normalised, *others = (products().input_gradient(grad, part) for grad, part in pairs)
        for other in others:
            grad_normalised += other
        grad_x, _, normalised, grad_scale, grad_shift = _norm_backward(
            x, None, scale, shift, ctx.epsilon, grad_normalised
        )
        grad_weight = joined([products().weight_gradient(grad, normalised) for grad in grads])
        grad_bias = joined([grad.sum(dim=0) for grad in grads]) if ctx.has_bias else None
        return grad_x, grad_scale, grad_shift, grad_weight, grad_bias, None, None


def _has_few_rows(x: Tensor, weight: Tensor) -> bool:
    """Whether rows are better split and joined than weights, which are then the longer of the two."""
    return x.numel() // x.shape[-1] < len(weight)


def joined(parts: list[Tensor]) -> Tensor:
    """Arrays one after the other along their first axis; a single one is not copied."""
    return parts[0] if len(parts) == 1 else torch.cat(parts)


class _ProjectGated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gate: Tensor, scale: Tensor, shift: Tensor, weight: Tensor, epsilon: float) -> Any:  # noqa: ANN401
        x, gate = x.contiguous(), gate.contiguous()
        ctx.save_for_backward(x, gate, scale, shift, weight)
        ctx.epsilon = epsilon
        return products().forward(_norm(x, gate, scale, shift, epsilon), weight, None)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        x, gate, scale, shift, weight = ctx.saved_tensors
        grad = grad.contiguous()
        product = products().input_gradient(grad, weight)
        grad_x, grad_gate, gated, grad_scale, grad_shift = _norm_backward(x, gate, scale, shift, ctx.epsilon, product)
        return grad_x, grad_gate, grad_scale, grad_shift, products().weight_gradient(grad, gated), None


class _DepthwiseSiLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Any:  # noqa: ANN401
        x, weight = x.contiguous(), weight.contiguous()
        ctx.save_for_backward(x, weight, bias)
        y = torch.empty_like(x)
        sizes = library.sizes(*x.shape, torch.get_num_threads())
        _call("convolution_forward", sizes, library.addresses((x, weight, bias)), library.address(y))
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:  # noqa: ANN401
        x, weight, bias = ctx.saved_tensors
        grad = grad.contiguous()
        grad_x, sums = torch.empty_like(x), weight.new_empty(weight.shape[0] + 1, weight.shape[1])
        sizes = library.sizes(*x.shape, torch.get_num_threads())
        inputs, outputs = library.addresses((x, weight, bias)), library.addresses((grad_x, sums))
        _call("convolution_backward", sizes, inputs, library.address(grad), outputs)
        return grad_x, sums[:-1], sums[-1]


class _UpsampledLogits(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, shift: Tensor, weight: Tensor, epsilon: float) -> Any:  # noqa: ANN401
        x = x.contiguous()
        ctx.save_for_backward(x, scale, shift, weight)
        ctx.epsilon = epsilon
        batch, height, width, _ = x.shape
        y = x.new_empty(batch, len(weight), FINER * height, FINER * width)
        both, bias = weight * scale, weight @ shift
        inputs = library.addresses((x, both, bias))
        _call("head_forward", _head_sizes(x, weight), _float(epsilon), inputs, library.address(y))
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        x, scale, shift, weight = ctx.saved_tensors
        grad = grad.contiguous()
        channels, classes = x.shape[-1], len(weight)
        both, bias = weight * scale, weight @ shift
        mean = both.mean(dim=1)
        padded = -(-channels // _BLOCK) * _BLOCK
        grad_x, sums = torch.empty_like(x), x.new_empty(classes, padded + 1)
        inputs, outputs = library.addresses((x, both, bias, mean)), library.addresses((grad_x, sums))
        _call("head_backward", _head_sizes(x, weight), _float(ctx.epsilon), inputs, library.address(grad), outputs)
        products, totals = sums[:, :channels], sums[:, -1:]  # sums of the gradient times normalised channels, and alone
        grad_scale, grad_shift = (weight * products).sum(dim=0), (weight * totals).sum(dim=0)
        return grad_x, grad_scale, grad_shift, products * scale + totals * shift, None


_BLOCK = 16
_float: Callable[[float], Any] = library.floating


def _head_sizes(x: Tensor, weight: Tensor) -> Any:  # noqa: ANN401 - an array of ctypes
    return library.sizes(*x.shape, len(weight), torch.get_num_threads())


def _norm(x: Tensor, gate: Tensor | None, scale: Tensor, shift: Tensor, epsilon: float) -> Tensor:
    y = torch.empty_like(x)
    sizes = library.sizes(*x.shape, torch.get_num_threads())
    _call("norm_forward", sizes, _float(epsilon), library.addresses((x, gate, scale, shift)), library.address(y))
    return y


def _norm_backward(
    x: Tensor, gate: Tensor | None, scale: Tensor, shift: Tensor, epsilon: float, grad: Tensor
) -> tuple[Tensor, Tensor | None, Tensor, Tensor, Tensor]:
    """The gradients of x and the gate, the layer's output once more, and the gradients of scale and shift."""
    grad_x, y, sums = torch.empty_like(x), torch.empty_like(x), x.new_empty(2, x.shape[-1])
    grad_gate = None if gate is None else torch.empty_like(x)
    sizes = library.sizes(*x.shape, torch.get_num_threads())
    inputs, outputs = library.addresses((x, gate, scale, shift)), library.addresses((grad_x, grad_gate, y, sums))
    _call("norm_backward", sizes, _float(epsilon), inputs, library.address(grad), outputs)
    return grad_x, grad_gate, y, sums[0], sums[1]


def _call(name: str, *arguments: Any) -> None:  # noqa: ANN401 - of ctypes
    library.check(getattr(library.loaded(), name)(*arguments))
