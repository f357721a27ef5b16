"""`nnUNetv2_cipa import_weights`: weights for nnU-Net, to predict with or to train further."""

import hashlib
from argparse import ArgumentParser, Namespace
from pathlib import Path

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.files import new_file, write_checkpoint
from nnunetv2_cipa.nnunet.plans import CONFIGURATION_2D, STOCK_PLANS
from nnunetv2_cipa.weights.folder_writing import FOLD, write_model_folder
from nnunetv2_cipa.weights.import_summary import ImportSummary
from nnunetv2_cipa.weights.layout import our_key
from nnunetv2_cipa.weights.planned_network import PlannedNetwork, planned_network
from nnunetv2_cipa.weights.pretrained import fit_weights
from nnunetv2_cipa.weights.published import HEAD, PATCH_EMBEDDING, PATCH_EMBEDDING_BIAS, from_published
from nnunetv2_cipa.weights.source import Source, read_source
from nnunetv2_cipa.weights.trained_model import TrainedModel


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE.pth",
        help="CIPA's published weights, VMamba's of ImageNet, or (with -d) a checkpoint or fold of nnU-Net's CIPA",
    )
    parser.add_argument(
        "-o", type=Path, required=True, metavar="PATH", help="model folder to be made; with -d, checkpoint file"
    )
    parser.add_argument(
        "-d", metavar="DATASET", help="make a file for nnUNetv2_train -pretrained_weights on this dataset"
    )
    parser.add_argument("-p", default=STOCK_PLANS, metavar="PLANS", help="its plans (default: %(default)s)")
    parser.add_argument(
        "-c", default=CONFIGURATION_2D, metavar="CONFIGURATION", help="of the plans (default: %(default)s)"
    )
    parser.add_argument("-tr", default="nnUNetTrainerCIPA", metavar="TRAINER", help="(default: %(default)s)")
    parser.add_argument(
        "--crm",
        choices=("resample", "new"),
        default="resample",
        help="CRM's weights per position, where the plans have another patch size than the file (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of all that stays new (default: %(default)s)")
    parser.add_argument("--overwrite", action="store_true", help="replace PATH if it exists")


def run(arguments: Namespace) -> None:
    """Import, and print what became of every weight and what to do next."""
    _require_free(arguments.o, overwrite=arguments.overwrite)
    source = read_source(arguments.file)
    size = f" for {source.patch_size[0]}x{source.patch_size[1]}" if source.patch_size else ""
    print(f"{arguments.file}: {source.description}{size}, {len(source.weights)} weights")
    if arguments.d is None:
        _import_model(arguments, source)
    else:
        _import_pretrained(arguments, source)


def _import_model(arguments: Namespace, source: Source | TrainedModel) -> None:
    if isinstance(source, TrainedModel):
        raise InputError(
            f"{arguments.file} holds weights of nnU-Net's CIPA already: nnUNetv2_predict takes its model folder. To "
            "train it further, give the dataset with -d."
        )
    if source.patch_size is None:
        raise InputError(
            f"{arguments.file} holds VMamba's encoder alone, which cannot predict. "
            "Give the dataset to train it on, with -d."
        )
    weights = from_published(source.weights, scaling=source.scaling)
    digest = hashlib.sha256(arguments.file.read_bytes()).hexdigest()
    origin = f"imported from {arguments.file.name}, sha256 {digest}"
    write_model_folder(arguments.o, weights, source.variant, source.patch_size, origin, overwrite=arguments.overwrite)
    folded = f"summed over RGB, with the input scaling ({source.scaling.name}) folded in"
    adapted = {
        PATCH_EMBEDDING: folded,
        PATCH_EMBEDDING_BIAS: folded,
        HEAD: "one sigmoid channel z as two softmax channels (0, z)",
    }
    taken = [name for key in source.weights if (name := our_key(key)) and name not in adapted]
    print(ImportSummary(taken, adapted, new={}, unused=source.unused))
    height, width = source.patch_size
    print(
        f"{arguments.o}: for {height}x{width} PNGs of 8-bit grey, CASE_0000.png CT and CASE_0001.png PET, windowed as "
        f"in PCLT20K\nNext: nnUNetv2_predict_from_modelfolder -m {arguments.o} -f {FOLD} -i IMAGES -o PREDICTIONS"
    )


def _import_pretrained(arguments: Namespace, source: Source | TrainedModel) -> None:
    planned = planned_network(arguments.d, arguments.p, arguments.c, arguments.tr, arguments.seed)
    weights, summary = fit_weights(source, planned.network, divided_by_255=planned.divided_by_255, crm=arguments.crm)
    with new_file(arguments.o, overwrite=arguments.overwrite) as file:
        write_checkpoint({"network_weights": weights}, file)
    print(summary)
    if note := _note_on_scaling(source, planned):
        print(note)
    print(
        f"{arguments.o}\nNext: nnUNetv2_train {arguments.d} {arguments.c} FOLD -p {arguments.p} -tr {arguments.tr} "
        f"-pretrained_weights {arguments.o}"
    )


def _note_on_scaling(source: Source | TrainedModel, planned: PlannedNetwork) -> str:
    """What to know where the network's input will be scaled otherwise than the weights are used to."""
    schemes = ", ".join(planned.normalizations)
    if isinstance(source, TrainedModel):
        before = source.settings.normalizations if source.settings else planned.normalizations
        if sorted(before) == sorted(planned.normalizations):
            return ""
        return (
            f"The model was trained on inputs normalised by {', '.join(before)}; the dataset's normalisation is "
            f"{schemes}: the first convolution was taken as it is."
        )
    if planned.divided_by_255:
        return ""
    return (
        f"The dataset's normalisation, {schemes}, is not one fixed map of 8-bit values for both channels, as "
        "rgb_to_0_1 for both is: the file's input scaling was not folded in."
    )


def _require_free(path: Path, *, overwrite: bool) -> None:
    """Refuse an existing path before the work is done.

    Raises:
        InputError: it exists, and may not be replaced.
    """
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists already. Remove it, choose another place, or pass --overwrite.")
