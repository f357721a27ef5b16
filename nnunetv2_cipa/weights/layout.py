"""Which parameter of the published network is which parameter of ours."""

from collections.abc import Iterator

_SS2D = {
    "in_proj": "input_projection",
    "conv2d": "convolution",
    "x_proj_weight": "scan.projection_weight",
    "dt_projs_weight": "scan.delta_weight",
    "dt_projs_bias": "scan.delta_bias",
    "A_logs": "scan.A_log",
    "Ds": "scan.D",
    "out_norm": "output_norm",
    "out_proj": "output_projection",
}
_CAB = {
    "cab.0": "convolutions.0",
    "cab.2": "convolutions.2",
    "cab.3.fc.0": "squeeze.0",
    "cab.3.fc.2": "squeeze.2",
}
_STAGES = 4
_LEVELS = 3
_BLOCKS_PER_LEVEL = 4
_DEEPEST_STAGE = 27
_LEAVES = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def _below(published: str, ours: str, names: dict[str, str]) -> Iterator[tuple[str, str]]:
    for theirs, mine in names.items():
        yield f"{published}.{theirs}", f"{ours}.{mine}"


def _encoder() -> Iterator[tuple[str, str]]:
    vssm = "backbone.vssm"
    yield f"{vssm}.patch_embed.0", "encoder.patch_embedding.projection"
    yield f"{vssm}.patch_embed.2", "encoder.patch_embedding.norm"
    for stage in range(_STAGES):
        yield f"{vssm}.outnorm{stage}", f"encoder.output_norms.{stage}"
        yield f"{vssm}.layers.{stage}.downsample.norm", f"encoder.downsamples.{stage}.norm"
        yield f"{vssm}.layers.{stage}.downsample.reduction", f"encoder.downsamples.{stage}.reduction"
        for block in range(_DEEPEST_STAGE):
            published, ours = f"{vssm}.layers.{stage}.blocks.{block}", f"encoder.stages.{stage}.{block}"
            yield f"{published}.norm", f"{ours}.norm"
            yield from _below(f"{published}.op", f"{ours}.ss2d", _SS2D)


def _crm() -> Iterator[tuple[str, str]]:
    for stage in range(_STAGES):
        published, ours = f"backbone.cross_mamba.{stage}.channel_weights.mlp", f"crm.{stage}"
        yield f"{published}.0", f"{ours}.token_norm"
        yield f"{published}.1", f"{ours}.embedding"
        yield from _below(f"{published}.3", f"{ours}.channel_scan", _SS2D)
        yield f"{published}.4", f"{ours}.weight_norm"
        yield f"{published}.5", f"{ours}.weight"


def _dcim() -> Iterator[tuple[str, str]]:
    for stage in range(_STAGES):
        published, ours = f"backbone.channel_attn_mamba.{stage}", f"dcim.{stage}"
        yield f"{published}.inner_norm1", f"{ours}.local_norm"
        yield from _below(f"{published}.inner_attn", f"{ours}.local_scan", _SS2D)
        yield f"{published}.outer_norm1", f"{ours}.region_norm"
        yield from _below(f"{published}.outer_attn", f"{ours}.region_scan", _SS2D)
        patches = f"backbone.region_patch.{stage}"
        for layer in (0, 1, 3, 4):
            yield f"{patches}.inner_convs.{layer}", f"{ours}.local_convolutions.{layer}"
        for layer in (0, 1, 3, 4, 6, 7, 9, 10):
            yield f"{patches}.outer_convs.{layer}", f"{ours}.region_convolutions.{layer}"


def _decoder() -> Iterator[tuple[str, str]]:
    head = "decode_head"
    yield f"{head}.layers_up.0.expand", "decoder.expand.projection"
    yield f"{head}.layers_up.0.norm", "decoder.expand.norm"
    for level in range(_LEVELS):
        layer = f"{head}.layers_up.{level + 1}"
        yield f"{layer}.upsample.linear", f"decoder.upsamples.{level}.projection"
        yield f"{layer}.upsample.norm", f"decoder.upsamples.{level}.norm"
        for block in range(_BLOCKS_PER_LEVEL):
            published, ours = f"{layer}.blocks.{block}", f"decoder.levels.{level}.{block}"
            yield f"{published}.scale1", f"{ours}.scan_scale"
            yield f"{published}.norm1", f"{ours}.scan_norm"
            yield from _below(f"{published}.op", f"{ours}.ss2d", _SS2D)
            yield f"{published}.scale2", f"{ours}.attention_scale"
            yield f"{published}.norm2", f"{ours}.attention_norm"
            yield from _below(f"{published}.conv_blk", f"{ours}.attention", _CAB)
    yield f"{head}.norm_up", "decoder.norm"
    yield f"{head}.up.linear1", "decoder.head.projection1"
    yield f"{head}.up.linear2", "decoder.head.projection2"
    yield f"{head}.up.norm", "decoder.head.norm"
    yield f"{head}.output", "decoder.seg_layers.0"


_OURS = dict(pair for part in (_encoder, _crm, _dcim, _decoder) for pair in part())
_PUBLISHED = {ours: published for published, ours in _OURS.items()}


def our_key(published_key: str) -> str | None:
    """Name of the same parameter or buffer in `CIPA`, or None if there is none."""
    return _translate(published_key, _OURS)


def published_key(our_key: str) -> str | None:
    """Name of the same parameter or buffer in the published network, or None if there is none."""
    return _translate(our_key, _PUBLISHED)


def _translate(key: str, names: dict[str, str]) -> str | None:
    if key in names:
        return names[key]
    module, _, leaf = key.rpartition(".")
    return f"{names[module]}.{leaf}" if module in names and leaf in _LEAVES else None
