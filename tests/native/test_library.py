import pytest
import torch

from nnunetv2_cipa.native import library
from nnunetv2_cipa.scan import registry


class TestUnavailable:
    def test_not_compiled(self, monkeypatch):
        monkeypatch.setattr(library, "LIBRARY", "nnunetv2_cipa.native._missing")
        reason = library.load.__wrapped__()
        assert "not compiled" in reason
        assert "--force-reinstall" in reason

    def test_broken(self, monkeypatch):
        monkeypatch.setattr(library, "LIBRARY", "nnunetv2_cipa.scan.registry")  # a file that is no library
        assert "can't be loaded" in library.load.__wrapped__()

    def test_the_reason_is_told_and_another_backend_taken(self, monkeypatch):
        monkeypatch.setattr(library, "load", lambda: "No kernel.")
        assert registry.backend_status()["cpu"] == "No kernel."
        assert registry.choose_backend(torch.device("cpu")).name == "torch"
        with pytest.raises(RuntimeError, match="No kernel"):
            library.instruction_set()
