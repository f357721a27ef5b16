import subprocess
import sys

import pytest

from nnunetv2_cipa.cli import COMMANDS
from nnunetv2_cipa.dataset_conversion.converters import CONVERTERS, CaseCounts, converter_for
from nnunetv2_cipa.errors import InputError


def test_a_folder_in_pclt20ks_layout(source):
    converter = converter_for(source)
    assert (converter.command, converter.dataset_name, converter.dataset_id) == ("convert_PCLT20K", "PCLT20K", 605)
    counts = converter.count(source)
    assert (counts.training, counts.test, counts.pixels, counts.test_labels) == (15, 6, 192, True)


def test_slices_are_counted_as_they_will_be_converted(source, write_slice):
    write_slice(source, "0001_99")
    count_slices = converter_for(source).count
    assert count_slices(source) == CaseCounts(training=15, test=6, pixels=12 * 16, test_labels=True)
    (source / "test.txt").write_text("")
    assert count_slices(source) == CaseCounts(training=15, test=0, pixels=12 * 16, test_labels=False)
    (source / "0001" / "0001_9_CT.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"0001_9_CT\.png cannot be read"):
        count_slices(source)
    (source / "0002" / "0002_9_PET.png").unlink()
    with pytest.raises(InputError, match="0002_9: no PET"):
        count_slices(source)


def test_other_folders(tmp_path):
    (tmp_path / "imagesTr").mkdir()
    (tmp_path / "imagesTr" / "case_0000.png").touch()
    with pytest.raises(InputError, match="PCLT20K \\(nnUNetv2_cipa convert_PCLT20K\\)"):
        converter_for(tmp_path)
    with pytest.raises(InputError, match="nowhere is not a folder"):
        converter_for(tmp_path / "nowhere")


def test_every_converter_is_a_command_and_names_one_dataset():
    assert all(converter.command in COMMANDS for converter in CONVERTERS)
    for attribute in ("command", "dataset_name", "dataset_id"):
        assert len({getattr(converter, attribute) for converter in CONVERTERS}) == len(CONVERTERS)


def test_the_table_is_cheap_to_read():
    code = (
        "import sys, nnunetv2_cipa.dataset_conversion.converters; print({'numpy', 'torch', 'PIL'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr
