"""`nnUNetv2_cipa export_weights`: a CIPA that nnU-Net has trained, in the published layout."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.files import new_file, write_checkpoint
from nnunetv2_cipa.nnunet.plans import are_divided_by_255
from nnunetv2_cipa.weights.input_scaling import PUBLISHED, UNSCALED
from nnunetv2_cipa.weights.published import HEAD, to_published
from nnunetv2_cipa.weights.trained_model import NNUNetSettings, TrainedModel, read_trained_model

PUBLISHED_REGION = 128
"""Published code cuts maps of stride 32 in regions of 4x4 and does not pad them."""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("model", type=Path, metavar="CHECKPOINT", help="checkpoint of nnU-Net's, or a fold's folder")
    parser.add_argument("-o", type=Path, required=True, metavar="FILE.pth", help="file to be made")
    parser.add_argument("--overwrite", action="store_true", help="replace FILE.pth if it exists")


def run(arguments: Namespace) -> None:
    """Export, and say what the published code must be given."""
    model = read_trained_model(arguments.model)
    settings = _settings(model, arguments.model)
    _require_exportable(model, settings)
    divided_by_255 = are_divided_by_255(settings.normalizations)
    with new_file(arguments.o, overwrite=arguments.overwrite) as file:
        weights = to_published(model.weights, PUBLISHED if divided_by_255 else UNSCALED)
        write_checkpoint({"model": weights}, file)
    height, width = settings.patch_size
    print(f"{arguments.o}: {len(weights)} weights for {height}x{width} under 'model', in the published layout")
    if divided_by_255:
        print(f"They are for the published input scaling, {PUBLISHED.name}.")
    else:
        print(
            f"WARNING: the model was trained on inputs normalised by {', '.join(settings.normalizations)}, which the "
            f"published code does not do. Give it such inputs instead of {PUBLISHED.name}."
        )


def _settings(model: TrainedModel, path: Path) -> NNUNetSettings:
    if model.settings is None:
        raise InputError(f"{path} is not a checkpoint of nnU-Net's: it lacks the plans that tell what it was given.")
    return model.settings


def _require_exportable(model: TrainedModel, settings: NNUNetSettings) -> None:
    height, width = settings.patch_size
    if height != width or height % PUBLISHED_REGION:
        raise InputError(
            f"The model was trained on patches of {height}x{width}. The published network takes squares whose sides "
            f"are multiples of {PUBLISHED_REGION} only: set such a patch_size in the plans and train again."
        )
    if missing := [module.upper() for module in model.missing_modules]:
        raise InputError(f"The model was trained without {' and '.join(missing)}; the published network has it.")
    channels = len(model.weights[HEAD])
    if channels > 2 or (channels == 2 and settings.has_regions):
        kind = "regions" if settings.has_regions else "classes"
        raise InputError(
            f"The model tells {channels} {kind} apart; the published network has one sigmoid channel, tumour or not."
        )
