import json

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.plans import are_divided_by_255, check_configuration, read_planned_json, write_plans


def test_only_all_channels_divided_count():
    assert are_divided_by_255(["RGBTo01Normalization"] * 2)
    assert not are_divided_by_255(["RGBTo01Normalization", "ZScoreNormalization"])


def test_plans_come_back_as_written(tmp_path):
    path = tmp_path / "nnUNetPlans.json"
    write_plans(path, {"plans_name": "nnUNetPlans"}, overwrite=False)
    assert read_planned_json(path) == {"plans_name": "nnUNetPlans"}


def test_plans_are_not_overwritten_unasked(tmp_path):
    path = tmp_path / "nnUNetPlans.json"
    path.write_text("{}")
    with pytest.raises(InputError, match="exists already"):
        write_plans(path, {"a": 1}, overwrite=False)
    assert json.loads(path.read_text()) == {}
    write_plans(path, {"a": 1}, overwrite=True)
    assert json.loads(path.read_text()) == {"a": 1}


def test_what_is_not_planned_is_told(tmp_path):
    with pytest.raises(InputError, match="Plan the dataset first"):
        read_planned_json(tmp_path / "nnUNetPlans.json")


def test_damaged_plans_are_named(tmp_path):
    (tmp_path / "nnUNetPlans.json").write_text('{"plans_name": ')
    with pytest.raises(InputError, match=r"nnUNetPlans\.json is damaged.*Plan the dataset again"):
        read_planned_json(tmp_path / "nnUNetPlans.json")


def test_configurations_that_are_not_planned_are_named():
    plans = {"plans_name": "nnUNetPlans", "configurations": {"2d": {}, "3d_fullres": {}}}
    check_configuration(plans, "2d")
    with pytest.raises(InputError, match="nnUNetPlans has no configuration '3d_lowres'; it has 2d, 3d_fullres"):
        check_configuration(plans, "3d_lowres")
