import sys
from dataclasses import replace

import pytest

from nnunetv2_cipa.steps import DoneSteps, Step


@pytest.fixture
def step(new_runner, tmp_path):
    """A step that is done: it has read `given` and made `made`."""
    (tmp_path / "given").write_text("a")
    program = "import sys; open(sys.argv[2], 'w').write(open(sys.argv[1]).read())"
    command = (sys.executable, "-S", "-c", program, str(tmp_path / "given"), str(tmp_path / "made"))
    step = Step("copy", command, reads=(tmp_path / "given",), makes=(tmp_path / "made",))
    new_runner().run([step])
    return step


def test_it_is_done_without_a_runner(step, tmp_path):
    assert step in DoneSteps(tmp_path)


def test_other_content_other_words_and_other_results_are_not(step, tmp_path):
    assert replace(step, command=(*step.command, "more")) not in DoneSteps(tmp_path)
    assert replace(step, options=("-np", "2")) in DoneSteps(tmp_path)
    (tmp_path / "given").write_text("b, longer")
    assert step not in DoneSteps(tmp_path)
    (tmp_path / "given").write_text("a")
    assert step in DoneSteps(tmp_path)
    (tmp_path / "made").write_text("cut off")
    assert step not in DoneSteps(tmp_path)


def test_nothing_is_done_before_what_it_needs(step, tmp_path):
    later = Step("later", ("python3",), needs=("copy", "never"))
    assert later not in DoneSteps(tmp_path)
    with pytest.raises(ValueError, match="step later needs never"):
        DoneSteps(tmp_path).key(later)


def test_asking_leaves_nothing(tmp_path):
    assert Step("any", ("python3",)) not in DoneSteps(tmp_path / "not there")
    assert list(tmp_path.iterdir()) == []
