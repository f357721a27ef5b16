import json
import shutil
import sys
from pathlib import Path

import pytest
import torch

NETWORK = '''
import torch


class Threshold(torch.nn.Module):
    """Foreground where PET is above the threshold."""

    def __init__(self, input_channels, num_classes, pet_channel=1, deep_supervision=False):
        super().__init__()
        self.pet_channel = pet_channel
        self.threshold = torch.nn.Parameter(torch.tensor(4.0))

    def forward(self, x):
        above = 20 * (x[:, self.pet_channel] - self.threshold)
        return torch.stack((-above, above), dim=1)
'''


@pytest.fixture
def model_folder(tmp_path, monkeypatch):
    """A function that writes a model folder of nnU-Net's whose network finds PET above a threshold, one a fold."""
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "threshold_network.py").write_text(NETWORK)
    monkeypatch.syspath_prepend(modules)
    yield lambda **options: _write(tmp_path / "models", **options)
    sys.modules.pop("threshold_network", None)


def _write(
    folder: Path,
    *,
    names=("CT", "PET"),
    pet_channel=1,
    scheme="NoNormalization",
    ending=".nii.gz",
    thresholds=(4.0,),
    labels=None,
    reader="SimpleITKIO",
    patch_size=(48, 48),
    mirroring=(0, 1),
):
    model = folder / f"nnUNetTrainer__nnUNetPlans__{len(list(folder.glob('*'))) if folder.exists() else 0}"
    shutil.rmtree(model, ignore_errors=True)
    plans = {
        "dataset_name": "Dataset700_PETCT",
        "plans_name": "nnUNetPlans",
        "original_median_spacing_after_transp": [5.0, 3.0, 3.0],
        "original_median_shape_after_transp": [12, 64, 64],
        "image_reader_writer": reader,
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {"0": {}, "1": {}},
        "configurations": {
            "2d": {
                "data_identifier": "nnUNetPlans_2d",
                "preprocessor_name": "DefaultPreprocessor",
                "batch_size": 2,
                "patch_size": list(patch_size),
                "median_image_size_in_voxels": [64, 64],
                "spacing": [6.25, 6.25],
                "normalization_schemes": [scheme, scheme],
                "use_mask_for_norm": [False, False],
                "resampling_fn_data": "resample_data_or_seg_to_shape",
                "resampling_fn_seg": "resample_data_or_seg_to_shape",
                "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
                "resampling_fn_data_kwargs": {"is_seg": False, "order": 1, "order_z": 0, "force_separate_z": None},
                "resampling_fn_seg_kwargs": {"is_seg": True, "order": 1, "order_z": 0, "force_separate_z": None},
                "resampling_fn_probabilities_kwargs": {
                    "is_seg": False, "order": 1, "order_z": 0, "force_separate_z": None,
                },
                "architecture": {
                    "network_class_name": "threshold_network.Threshold",
                    "arch_kwargs": {"pet_channel": pet_channel},
                    "_kw_requires_import": [],
                },
                "batch_dice": True,
            }
        },
    }  # fmt: skip
    dataset_json = {
        "channel_names": {str(number): name for number, name in enumerate(names)},
        "labels": labels or {"background": 0, "tumor": 1},
        "numTraining": 1,
        "file_ending": ending,
    }
    model.mkdir(parents=True)
    (model / "plans.json").write_text(json.dumps(plans))
    (model / "dataset.json").write_text(json.dumps(dataset_json))
    for fold, threshold in enumerate(thresholds):
        (model / f"fold_{fold}").mkdir()
        checkpoint = {
            "network_weights": {"threshold": torch.tensor(threshold)},
            "trainer_name": "nnUNetTrainer",
            "init_args": {"plans": plans, "configuration": "2d", "fold": fold, "dataset_json": dataset_json},
            "inference_allowed_mirroring_axes": mirroring,
        }
        torch.save(checkpoint, model / f"fold_{fold}" / "checkpoint_final.pth")
    return model
