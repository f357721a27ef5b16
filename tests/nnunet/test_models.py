from nnunetv2_cipa.nnunet.models import model_folder_name


def test_a_model_folder_is_named_as_nnunet_does():
    assert model_folder_name("nnUNetTrainer", "nnUNetPlans", "2d") == "nnUNetTrainer__nnUNetPlans__2d"
