import json
from argparse import ArgumentParser
from pathlib import Path

import pytest
from nnunetv2.evaluation.find_best_configuration import dumb_trainer_config_plans_to_trained_models_dict

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.pipeline.experiment import (
    BestModel,
    Experiment,
    Model,
    add_seeds_argument,
    distinct_seeds,
    existing,
    model_named,
    planned,
    plans_of_seed,
    read_best_model,
    seed_words,
)

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


def test_a_model_is_named_as_before_there_were_seeds():
    model = Model("nnUNetTrainerCIPA")
    assert (model.name, model.folder_name) == ("nnUNetTrainerCIPA", "nnUNetTrainerCIPA__nnUNetCIPAPlans__2d")


def test_a_seed_has_plans_and_so_a_folder_of_its_own():
    model = Model("nnUNetTrainerCIPA", "nnUNetCIPAPlans_seed1")
    assert model.name == "nnUNetTrainerCIPA_seed1"
    assert model.folder_name == "nnUNetTrainerCIPA__nnUNetCIPAPlans_seed1__2d"


def test_without_more_seeds_each_trainer_is_a_model():
    assert Experiment(("one", "other"), (0,)).models == (Model("one"), Model("other"))


def test_models_are_those_among_which_nnunet_chooses():
    models = Experiment(("one", "other"), (0,), seeds=(None, 0, 2)).models
    plans = list(dict.fromkeys(model.plans for model in models))
    chosen_from = dumb_trainer_config_plans_to_trained_models_dict(["one", "other"], ["2d"], plans)
    assert [Model(entry["trainer"], entry["plans"]) for entry in chosen_from] == list(models)


def test_pairs_are_counted():
    assert [Experiment(("one", "other"), (0,), seeds=tuple(range(n))).pairs for n in (1, 2, 3)] == [1, 6, 15]


def test_seeds_have_plans_of_their_own_and_none_has_the_plan_itself():
    names = [plans_of_seed(seed) for seed in (None, 0, 12)]
    assert names == ["nnUNetCIPAPlans", "nnUNetCIPAPlans_seed0", "nnUNetCIPAPlans_seed12"]


@pytest.mark.parametrize(
    ("words", "seeds"),
    [
        ([], (None,)),
        (["--seeds", "none"], (None,)),
        (["--seeds", "0", "1", "2"], (0, 1, 2)),
        (["--seeds", "2", "none", "0", "2"], (None, 0, 2)),
    ],
)
def test_seeds_of_the_command_line(words, seeds):
    parser = ArgumentParser()
    add_seeds_argument(parser)
    read = distinct_seeds(parser.parse_args(words).seeds)
    assert read == seeds
    assert distinct_seeds(parser.parse_args(["--seeds", *seed_words(read)]).seeds) == seeds


RESENC = "nnUNetTrainer__nnUNetResEncUNetMPlans"


def test_presets_of_nnunet_are_competitors_by_their_name():
    experiment = Experiment(("nnUNetTrainerCIPA", "nnUNetTrainer", RESENC), (0,), seeds=(None, 1))
    assert experiment.models[-2:] == (
        Model("nnUNetTrainer", "nnUNetResEncUNetMPlans"),
        Model("nnUNetTrainer", "nnUNetResEncUNetMPlans_seed1"),
    )
    assert [model.name for model in experiment.models[-2:]] == [RESENC, f"{RESENC}_seed1"]
    assert {model.competitor for model in experiment.models[-2:]} == {RESENC}
    assert experiment.models[3].name == "nnUNetTrainer_seed1"
    assert experiment.classes == ("nnUNetTrainerCIPA", "nnUNetTrainer")
    assert experiment.presets == ("nnUNetResEncUNetMPlans",)


def test_trainers_that_follow_a_schedule_have_copies_of_presets_with_one():
    words = ("nnUNetTrainerCIPA_planned", f"nnUNetTrainer_planned__{RESENC.partition('__')[2]}", RESENC)
    experiment = Experiment(words, (0,), seeds=(None, 1))
    planned = Model("nnUNetTrainer_planned", "nnUNetResEncUNetMPlans_planned")
    assert experiment.models[2:5] == (
        planned,
        Model("nnUNetTrainer_planned", "nnUNetResEncUNetMPlans_planned_seed1"),
        Model("nnUNetTrainer", "nnUNetResEncUNetMPlans"),
    )
    assert planned.name == planned.competitor == words[1]
    assert experiment.models[3].name == f"{words[1]}_seed1"
    assert experiment.plans == ("nnUNetCIPAPlans", "nnUNetResEncUNetMPlans_planned", "nnUNetResEncUNetMPlans")
    assert experiment.presets == ("nnUNetResEncUNetMPlans",)


def test_plans_that_are_no_preset_are_refused():
    with pytest.raises(InputError, match="none of nnU-Net's presets, which are nnUNetResEncUNetMPlans"):
        model_named("nnUNetTrainer__myPlans")
    for word in ("nnUNetTrainer__", "", "nnUNetTrainer__nnUNetResEncUNetMPlans__2d"):
        with pytest.raises(InputError, match=r"expected TRAINER\[__PLANS\], as nnU-Net"):
            model_named(word)


def test_trainers_that_follow_the_plan(capsys):
    assert planned("nnUNetTrainer") == planned("nnUNetTrainer_planned") == "nnUNetTrainer_planned"
    assert planned("nnUNetTrainerCIPA_noCRM") == "nnUNetTrainerCIPA_noCRM_planned"
    assert capsys.readouterr().out == ""
    with pytest.raises(InputError, match="nnUNetTrainerDA5 would have to exist as nnUNetTrainerDA5_planned"):
        planned("nnUNetTrainerDA5")
    with pytest.raises(
        InputError, match="nnUNetTrainerDA5__nnUNetResEncUNetMPlans would have to exist as nnUNetTrainerDA5_planned"
    ):
        planned("nnUNetTrainerDA5__nnUNetResEncUNetMPlans")
    preset = "nnUNetTrainer_planned__nnUNetResEncUNetMPlans"
    assert planned("nnUNetTrainer__nnUNetResEncUNetMPlans") == planned(preset) == preset


def test_misspelt_trainers_are_named_at_once():
    assert existing(["nnUNetTrainer", "nnUNetTrainerCIPA"]) == ("nnUNetTrainer", "nnUNetTrainerCIPA")
    with pytest.raises(InputError, match="does not find a trainer 'nnUNetTrainerCIPO'"):
        existing(["nnUNetTrainer", "nnUNetTrainerCIPO"])
