import platform
from pathlib import Path

from nnunetv2_cipa.machine import processor_name, processor_vendor


def test_as_linux_tells_it(monkeypatch):
    monkeypatch.setattr(Path, "is_file", lambda path: True)
    monkeypatch.setattr(Path, "read_text", lambda path, encoding: "vendor_id : A Vendor\nmodel name\t: A Fast One\n")
    assert processor_name() == "A Fast One"
    assert processor_vendor() == "A Vendor"


def test_elsewhere(monkeypatch):
    monkeypatch.setattr(Path, "is_file", lambda path: False)
    assert processor_name() == platform.machine()
    assert processor_vendor() == ""
