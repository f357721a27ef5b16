"""Cases of a cross-validation: by fold, of several models, and the arguments that name them."""

import json
from argparse import ArgumentParser
from pathlib import Path

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.trust.validation import (
    ValidationCase,
    add_validation_arguments,
    find_validation,
    read_validation,
)


@pytest.fixture
def write_model(tmp_path):
    """A function that writes what is looked for of a model: empty files of probabilities, by fold."""

    def write(name, folds):
        folder = tmp_path / f"{name}__PLANS__2d"
        for fold, cases in folds.items():
            (folder / f"fold_{fold}" / "validation").mkdir(parents=True)
            for case in cases:
                (folder / f"fold_{fold}" / "validation" / f"{case}.npz").touch()
        content = {"labels": {"background": 0, "tumour": 1}, "file_ending": ".png"}
        (folder / "dataset.json").write_text(json.dumps(content))
        return folder

    return write


def parsed(*words):
    parser = ArgumentParser()
    add_validation_arguments(parser, output="what is found")
    return parser.parse_args(list(map(str, words)))


class TestFinding:
    def test_each_case_with_its_fold(self, write_model):
        model = write_model("ONE", {1: ["c"], 0: ["b", "a"], "all": ["z"]})
        assert find_validation([model]) == [
            ValidationCase(0, "a", (model / "fold_0" / "validation" / "a.npz",)),
            ValidationCase(0, "b", (model / "fold_0" / "validation" / "b.npz",)),
            ValidationCase(1, "c", (model / "fold_1" / "validation" / "c.npz",)),
        ]

    def test_only_the_folds_that_are_asked_for(self, write_model):
        model = write_model("ONE", {0: ["a"], 1: ["b"], 2: ["c"]})
        assert [(one.fold, one.case) for one in find_validation([model], [2, 0])] == [(2, "c"), (0, "a")]
        with pytest.raises(InputError, match=r"no validation of the folds \[3\]"):
            find_validation([model], [3])

    def test_a_file_of_each_model_in_their_order(self, write_model):
        models = [write_model(name, {0: ["a"], 1: ["b"]}) for name in ("TWO", "ONE", "THREE")]
        found = find_validation(models)
        assert [one.files for one in found] == [
            tuple(model / f"fold_{fold}" / "validation" / f"{case}.npz" for model in models)
            for fold, case in ((0, "a"), (1, "b"))
        ]

    def test_models_with_other_cases_are_refused(self, write_model):
        one, two = write_model("ONE", {0: ["a", "b"]}), write_model("TWO", {0: ["a", "c"]})
        with pytest.raises(InputError, match=r"ONE\S* and \S*TWO\S* have not .*: b of fold 0, c of fold 0\.$"):
            find_validation([one, two])

    def test_the_same_cases_in_other_folds_are_other_cases(self, write_model):
        """A model of fold 0 of one split may have seen what that of another split validates."""
        one, two = write_model("ONE", {0: ["a"], 1: ["b"]}), write_model("TWO", {0: ["b"], 1: ["a"]})
        with pytest.raises(InputError, match="a of fold 0, b of fold 0, a of fold 1, b of fold 1"):
            find_validation([one, two])

    def test_five_of_many_differences_are_named(self, write_model):
        one, two = write_model("ONE", {0: ["a"]}), write_model("TWO", {0: list("abcdefghi")})
        with pytest.raises(InputError, match=r"cases: b of fold 0, c of fold 0, .*f of fold 0\.$"):
            find_validation([one, two])

    def test_without_probabilities(self, write_model):
        with pytest.raises(InputError, match=r"fold_0.validation has no probabilities"):
            find_validation([write_model("ONE", {0: []})])


class TestArguments:
    def test_defaults(self):
        found = parsed("-m", "one", "two", "-ref", "labelsTr", "-o", "t.json")
        assert (found.m, found.ref, found.o) == ([Path("one"), Path("two")], Path("labelsTr"), Path("t.json"))
        assert (found.f, found.overwrite) == (None, False)
        assert found.np >= 1

    def test_folds_are_numbers(self):
        assert parsed("-m", "one", "-ref", "r", "-o", "t.json", "-f", "0", "3").f == [0, 3]

    @pytest.mark.parametrize("missing", ["-m", "-ref", "-o"])
    def test_what_is_needed_is_asked_for(self, missing, capsys):
        words = {"-m": "one", "-ref": "labelsTr", "-o": "t.json"}
        del words[missing]
        with pytest.raises(SystemExit):
            parsed(*(word for pair in words.items() for word in pair))
        assert f"required: {missing}" in capsys.readouterr().err

    def test_cases_and_their_references(self, tmp_path, write_model, write_references, truth):
        model, labels = write_model("ONE", {0: ["a"], 1: ["b"]}), write_references(tmp_path / "labels", truth)
        cases, references = read_validation(parsed("-m", model, "-ref", labels, "-o", "t.json"))
        assert [one.case for one in cases] == ["a", "b"]
        assert references.files == {"a": labels / "a.png", "b": labels / "b.png"}
        assert references.classes.names == ("tumour",)

    def test_another_ending_is_refused_before_anything_is_read(self):
        with pytest.raises(InputError, match=r"-o t\.txt must end with \.json"):
            read_validation(parsed("-m", "absent", "-ref", "absent", "-o", "t.txt"))
