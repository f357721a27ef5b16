"""A model folder of nnU-Net's for weights that it has not trained."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw
from torch import Tensor

from nnunetv2_cipa.files import new_folder, write_checkpoint
from nnunetv2_cipa.network import MODALITIES, VariantName
from nnunetv2_cipa.nnunet.model_folder import FINAL_CHECKPOINT
from nnunetv2_cipa.nnunet.plans import CONFIGURATION_2D, DIVISION_BY_255, STOCK_PLANS
from nnunetv2_cipa.training.trainers import trainer_name

FOLD = 0
_NO_RESAMPLING = {"order": 1, "order_z": 0, "force_separate_z": None}


def write_model_folder(
    folder: Path,
    network_weights: Mapping[str, Tensor],
    variant: VariantName,
    patch_size: tuple[int, int],
    origin: str,
    *,
    overwrite: bool = False,
) -> None:
    """Write what nnU-Net's prediction needs, and what its export to a zip file expects beside that.

    The folder is for 8-bit grey PNGs, CT as `CASE_0000.png` and PET as `CASE_0001.png`, both divided by 255. A whole
    image of the patch size is predicted at once, not mirrored.

    Args:
        folder: must not exist, but with `overwrite`.
        network_weights: of a `CIPA` with two classes, for input divided by 255.
        variant: of the network.
        patch_size: H and W in pixels.
        origin: what the weights are and where they come from, for whoever finds the folder.
        overwrite: replace an existing folder, once the new one is complete.

    Raises:
        InputError: the folder exists.
    """
    plans, dataset_json = png_plans(folder.resolve().parent.name, patch_size), _dataset_json(origin)
    with new_folder(folder, overwrite=overwrite) as new:
        for name, content in (
            ("plans.json", plans),
            ("dataset.json", dataset_json),
            ("dataset_fingerprint.json", {}),
            (f"fold_{FOLD}/validation/summary.json", {"description": f"No validation here: {origin}"}),
        ):
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).write_text(json.dumps(content, indent=4), encoding="utf-8")
        _write_progress(new / f"fold_{FOLD}" / "progress.png", f"No training here: {origin}")
        arguments = {"plans": plans, "configuration": CONFIGURATION_2D, "fold": FOLD, "dataset_json": dataset_json}
        checkpoint = {
            "network_weights": dict(network_weights),
            "trainer_name": trainer_name(variant),
            "init_args": arguments,
            "inference_allowed_mirroring_axes": None,
        }
        write_checkpoint(checkpoint, new / f"fold_{FOLD}" / FINAL_CHECKPOINT)


def _dataset_json(origin: str) -> dict[str, Any]:
    return {
        "channel_names": {str(number): modality for number, modality in enumerate(MODALITIES)},
        "labels": {"background": 0, "tumor": 1},
        "numTraining": 0,
        "file_ending": ".png",
        "description": origin,
    }


def png_plans(dataset_name: str, patch_size: tuple[int, int]) -> dict[str, Any]:
    """Plans as nnU-Net makes them for 2D PNGs: these have a spacing of 1, so nothing is resampled."""
    channels = range(len(MODALITIES))
    resampling = "resample_data_or_seg_to_shape"
    configuration = {
        "data_identifier": f"{STOCK_PLANS}_{CONFIGURATION_2D}",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": list(patch_size),
        "median_image_size_in_voxels": list(patch_size),
        "spacing": [1.0, 1.0],
        "normalization_schemes": [DIVISION_BY_255 for _ in channels],
        "use_mask_for_norm": [False for _ in channels],
        "resampling_fn_data": resampling,
        "resampling_fn_seg": resampling,
        "resampling_fn_probabilities": resampling,
        "resampling_fn_data_kwargs": {"is_seg": False, **_NO_RESAMPLING},
        "resampling_fn_seg_kwargs": {"is_seg": True, **_NO_RESAMPLING},
        "resampling_fn_probabilities_kwargs": {"is_seg": False, **_NO_RESAMPLING},
        "batch_dice": True,
        # The trainer builds CIPA whatever stands here; nnU-Net wants the entry.
        "architecture": {
            "network_class_name": "nnunetv2_cipa.network.CIPA",
            "arch_kwargs": {},
            "_kw_requires_import": [],
        },
    }
    return {
        "dataset_name": dataset_name,
        "plans_name": STOCK_PLANS,
        "original_median_spacing_after_transp": [999.0, 1.0, 1.0],
        "original_median_shape_after_transp": [1, *patch_size],
        "image_reader_writer": "NaturalImage2DIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": {CONFIGURATION_2D: configuration},
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {str(number): {} for number in channels},
    }


def _write_progress(path: Path, text: str) -> None:
    """A picture in the place of nnU-Net's training curves, which its export to a zip file insists on."""
    picture = Image.new("L", (8 * len(text) + 40, 60), color=255)
    ImageDraw.Draw(picture).text((20, 24), text, fill=0)
    picture.save(path)
