import json
from pathlib import Path

import pytest

from nnunetv2_cipa.pipeline.best_model import BestModel, read_best_model
from nnunetv2_cipa.pipeline.model import Model

OURS, SECOND, THEIRS = (
    Model("nnUNetTrainerCIPA"),
    Model("nnUNetTrainerCIPA", "nnUNetCIPAPlans_seed1"),
    Model("nnUNetTrainer"),
)


@pytest.mark.parametrize("chosen", [(OURS,), (OURS, THEIRS), (OURS, SECOND)])
def test_what_nnunet_has_written_is_read(tmp_path, chosen):
    models = [{"trainer": one.trainer, "configuration": "2d", "plans_identifier": one.plans} for one in chosen]
    best = {
        "result_on_crossval_pre_pp": 0.6,
        "result_on_crossval_post_pp": 0.61,
        "postprocessing_file": "/results/postprocessing.pkl",
        "some_plans_file": "/results/plans.json",
        "selected_model_or_models": models,
    }
    (tmp_path / "inference_information.json").write_text(json.dumps({"best_model_or_ensemble": best}))
    expected = BestModel(chosen, 0.61, Path("/results/postprocessing.pkl"), Path("/results/plans.json"))
    assert read_best_model(tmp_path / "inference_information.json") == expected


def test_it_is_told_by_names():
    assert str(BestModel((OURS, SECOND), 0.5, Path(), Path())) == "nnUNetTrainerCIPA and nnUNetTrainerCIPA_seed1"
