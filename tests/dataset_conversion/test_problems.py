from pathlib import Path

import pytest

from nnunetv2_cipa.dataset_conversion.problems import Problem, Problems
from nnunetv2_cipa.errors import InputError


def test_no_problem_is_no_refusal():
    Problems().refuse(Path("folder"))


def test_every_offender_is_named_under_its_kind():
    problems = Problems()
    offenders = {problem: [f"{problem.name}-{number:03d}" for number in range(200)] for problem in Problem}
    for problem, names in offenders.items():
        for name in reversed(names):
            problems.add(problem, name)
    with pytest.raises(InputError) as refusal:
        problems.refuse(Path("folder"))
    first, *lines = str(refusal.value).splitlines()
    assert "folder" in first
    assert lines == [
        line
        for problem, names in offenders.items()
        for line in (f"{problem.value} (200):", *(f"    {name}" for name in names))
    ]
