from nnunetv2_cipa.steps import Step
from nnunetv2_cipa.steps.progress import EpochBar


def test_epochs_are_read_from_the_end_of_the_log(tmp_path, capsys):
    log = tmp_path / "log"
    log.write_text("Epoch 7\n")
    bar = EpochBar(Step("train", ("train",), epochs=9), log)
    bar.update()
    assert bar._bar.n == 0
    with log.open("a") as file:
        file.write("2026-01-01 00:00:00: Epoch 3 \nEpoch time: 2\nEpoc")
    bar.update()
    assert bar._bar.n == 3
    with log.open("a") as file:
        file.write("h 4 \n")
    bar.update()
    assert bar._bar.n == 4
    bar.close(done=True)
    assert "9/9" in capsys.readouterr().out


def test_other_steps_have_none(tmp_path, capsys):
    bar = EpochBar(Step("plan", ("plan",)), tmp_path / "log")
    bar.update()
    bar.close(done=True)
    assert capsys.readouterr().out == ""
