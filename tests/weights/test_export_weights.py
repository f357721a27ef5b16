"""`nnUNetv2_cipa export_weights`: back to the published layout, and what has no way back."""

import pytest
import torch

from nnunetv2_cipa.cli import main
from nnunetv2_cipa.weights.folder_writing import png_plans


@pytest.fixture
def save(tmp_path):
    """A function that writes a checkpoint as nnU-Net's trainer does, in a fold's folder."""

    def save(network, normalization="RGBTo01Normalization", labels=("background", "tumor")):
        plans = png_plans("Dataset998_CIPA", network.patch_size)
        plans["configurations"]["2d"]["normalization_schemes"] = [normalization] * 2
        dataset_json = {"labels": {name: number for number, name in enumerate(labels)}, "file_ending": ".png"}
        arguments = {"plans": plans, "configuration": "2d", "fold": 0, "dataset_json": dataset_json}
        arguments["device"] = torch.device("cpu")
        content = {"network_weights": network.state_dict(), "init_args": arguments, "trainer_name": "nnUNetTrainerCIPA"}
        torch.save(content | {"optimizer_state": {}}, tmp_path / "checkpoint_final.pth")
        return tmp_path

    return save


@pytest.mark.slow
def test_imported_then_exported_is_the_published_file(cipa_file, golden_weights, tmp_path, capsys):
    assert main(["import_weights", str(cipa_file), "-o", str(tmp_path / "model")]) == 0
    assert main(["export_weights", str(tmp_path / "model" / "fold_0"), "-o", str(tmp_path / "back.pth")]) == 0
    assert "848 weights for 128x128 under 'model'" in capsys.readouterr().out
    back = torch.load(tmp_path / "back.pth", weights_only=True)["model"]
    assert {key: value.shape for key, value in back.items()} == {
        key: value.shape for key, value in golden_weights.items()
    }
    first = "backbone.vssm.patch_embed.0."
    differ = [key for key, value in golden_weights.items() if not torch.equal(back[key], value)]
    assert set(differ) <= {f"{first}weight", f"{first}bias"}
    torch.testing.assert_close(
        back[f"{first}weight"].sum(1), golden_weights[f"{first}weight"].sum(1), rtol=0, atol=5e-7
    )
    torch.testing.assert_close(back[f"{first}bias"], golden_weights[f"{first}bias"], rtol=0, atol=1e-6)
    assert main(["export_weights", str(tmp_path / "model" / "fold_0"), "-o", str(tmp_path / "back.pth")]) == 1
    assert "back.pth exists already" in capsys.readouterr().err


@pytest.mark.slow
def test_a_model_of_512_has_the_published_shapes(save, blank_network, published_keys_512, tmp_path, capsys):
    folder = save(blank_network((512, 512)), normalization="ZScoreNormalization")
    assert main(["export_weights", str(folder), "-o", str(tmp_path / "out.pth")]) == 0
    assert "WARNING: the model was trained on inputs normalised by ZScoreNormalization" in capsys.readouterr().out
    exported = torch.load(tmp_path / "out.pth", weights_only=True)["model"]
    assert {key: list(value.shape) for key, value in exported.items()} == published_keys_512


@pytest.mark.parametrize(
    ("size", "classes", "options", "labels", "message"),
    [
        ((128, 256), 2, {}, ("background", "tumor"), "patches of 128x256"),
        ((64, 64), 2, {}, ("background", "tumor"), "multiples of 128"),
        ((128, 128), 2, {"use_crm": False}, ("background", "tumor"), "trained without CRM"),
        ((128, 128), 3, {}, ("background", "tumor", "node"), "tells 3 classes apart"),
    ],
)
def test_what_the_published_network_cannot_be(
    save, blank_network, tmp_path, capsys, size, classes, options, labels, message
):
    folder = save(blank_network(size, classes, **options), labels=labels)
    assert main(["export_weights", str(folder), "-o", str(tmp_path / "out.pth")]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.pth").exists()


def test_what_is_no_cipa_of_nnunet(cipa_file, save, blank_network, tmp_path, capsys):
    assert main(["export_weights", str(cipa_file), "-o", str(tmp_path / "out.pth")]) == 1
    assert "is not a checkpoint of nnU-Net's" in capsys.readouterr().err
    network = torch.nn.Conv2d(1, 1, 1)
    network.patch_size = (128, 128)
    assert main(["export_weights", str(save(network)), "-o", str(tmp_path / "out.pth")]) == 1
    assert "not a CIPA" in capsys.readouterr().err
    assert main(["export_weights", str(tmp_path / "absent"), "-o", str(tmp_path / "out.pth")]) == 1
    assert "absent is not a file" in capsys.readouterr().err
