import nnunetv2.evaluation.find_best_configuration as nnunets
import pytest

from nnunetv2_cipa.cli import main


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """Arguments of nnU-Net's function."""
    calls = []
    monkeypatch.setattr(
        nnunets, "find_best_configuration", lambda *arguments, **options: calls.append((arguments, options))
    )
    monkeypatch.setenv("nnUNet_raw", str(tmp_path))
    (tmp_path / "Dataset605_PCLT20K").mkdir()
    return calls


def test_any_models_are_handed_to_nnunet(asked):
    models = ["nnUNetTrainerCIPA__nnUNetCIPAPlans__2d", "nnUNetTrainer__nnUNetResEncUNetMPlans__2d"]
    assert main(["find_best", "-d", "605", "-tr", *models, "-f", "0", "2", "-np", "1"]) == 0
    [((dataset, chosen), options)] = asked
    assert dataset == "Dataset605_PCLT20K"
    assert chosen == [
        {"trainer": "nnUNetTrainerCIPA", "plans": "nnUNetCIPAPlans", "configuration": "2d"},
        {"trainer": "nnUNetTrainer", "plans": "nnUNetResEncUNetMPlans", "configuration": "2d"},
    ]
    assert (options["folds"], options["allow_ensembling"], options["num_processes"]) == ((0, 2), True, 1)


def test_other_words_are_refused(asked, capsys):
    assert main(["find_best", "-d", "605", "-tr", "nnUNetTrainer"]) == 1
    assert "expected TRAINER__PLANS__CONFIGURATION" in capsys.readouterr().err
    assert asked == []
