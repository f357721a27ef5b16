from pathlib import Path

import pytest
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

from nnunetv2_cipa.training.nnUNetTrainerCIPA import nnUNetTrainerCIPA
from nnunetv2_cipa.training.whole_checkpoints import WholeCheckpoints


@pytest.fixture
def trainer():
    class Trainer(WholeCheckpoints, nnUNetTrainer):
        pass

    return Trainer.__new__(Trainer)


def test_an_interrupted_write_leaves_the_checkpoint_before(trainer, tmp_path, monkeypatch):
    target = tmp_path / "checkpoint_latest.pth"

    def save(content, fails=False):
        def write(self, filename):
            Path(filename).write_text(content)
            if fails:
                raise OSError("No space left on device")

        monkeypatch.setattr(nnUNetTrainer, "save_checkpoint", write)
        trainer.save_checkpoint(str(target))

    save("first")
    with pytest.raises(OSError):
        save("sec", fails=True)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(target.name, "first")]
    save("second")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(target.name, "second")]


def test_nothing_is_moved_where_nothing_was_written(trainer, tmp_path, monkeypatch):
    monkeypatch.setattr(nnUNetTrainer, "save_checkpoint", lambda self, filename: None)
    trainer.save_checkpoint(str(tmp_path / "checkpoint_latest.pth"))
    assert list(tmp_path.iterdir()) == []


def test_cipa_writes_so():
    assert issubclass(nnUNetTrainerCIPA, WholeCheckpoints)
