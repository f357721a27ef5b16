from nnunetv2_cipa.pipeline.model import Model


def test_a_model_is_named_as_before_there_were_seeds():
    model = Model("nnUNetTrainerCIPA")
    assert (model.name, model.folder_name) == ("nnUNetTrainerCIPA", "nnUNetTrainerCIPA__nnUNetCIPAPlans__2d")


def test_a_seed_has_plans_and_so_a_folder_of_its_own():
    model = Model("nnUNetTrainerCIPA", "nnUNetCIPAPlans_seed1")
    assert model.name == "nnUNetTrainerCIPA_seed1"
    assert model.folder_name == "nnUNetTrainerCIPA__nnUNetCIPAPlans_seed1__2d"
