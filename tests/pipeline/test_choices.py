from nnunetv2.evaluation.find_best_configuration import dumb_trainer_config_plans_to_trained_models_dict

from nnunetv2_cipa.pipeline.choices import Choices
from nnunetv2_cipa.pipeline.model import Model


def test_without_more_seeds_each_trainer_is_a_model():
    assert Choices(("one", "other"), (0,)).models == (Model("one"), Model("other"))


def test_models_are_those_among_which_nnunet_chooses():
    models = Choices(("one", "other"), (0,), seeds=(0, 2)).models
    plans = list(dict.fromkeys(model.plans for model in models))
    chosen_from = dumb_trainer_config_plans_to_trained_models_dict(["one", "other"], ["2d"], plans)
    assert [Model(entry["trainer"], entry["plans"]) for entry in chosen_from] == list(models)


def test_pairs_are_counted():
    assert [Choices(("one", "other"), (0,), seeds=tuple(range(n))).pairs for n in (1, 2, 3)] == [1, 6, 15]
