from nnunetv2_cipa.training.predicted_once import PredictedOnce
from nnunetv2_cipa.training.quick import nnUNetTrainer_quick


class Mirroring:
    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self):
        self.inference_allowed_mirroring_axes = (0, 1)
        return "rotation", False, (64, 64), (0, 1)


class Trainer(PredictedOnce, Mirroring):
    pass


def test_training_mirrors_and_inference_does_not():
    trainer = Trainer()
    configured = trainer.configure_rotation_dummyDA_mirroring_and_inital_patch_size()
    assert configured == ("rotation", False, (64, 64), (0, 1))
    assert trainer.inference_allowed_mirroring_axes is None


def test_quick_trainers_predict_once():
    assert issubclass(nnUNetTrainer_quick, PredictedOnce)
