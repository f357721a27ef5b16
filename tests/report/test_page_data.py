"""What the page's scripts are given."""

import json
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnunetv2_cipa.report.page_data import page_data, script_json
from nnunetv2_cipa.report.views import make_views


@pytest.fixture
def data(comparison, undrawn):
    return page_data(make_views(comparison))


def test_has_every_value_of_every_case(comparison, data):
    cases = comparison.models[0].evaluation.cases
    (view,) = data["views"]
    assert data["cases"]["identifier"] == [case.identifier for case in cases]
    assert data["cases"]["patient"][-1] == "</script><script>throw 1</script>"
    assert next(view["classes"][number] for number in view["class"]).startswith("small (16 to ")
    for measure in comparison.measures("patient"):
        for model, values in zip(comparison.models, view["values"][measure.name], strict=True):
            expected = [measure.of(case) for case in model.evaluation.cases]
            assert [value is None for value in values] == [value != value for value in expected]
            assert [v for v in values if v is not None] == pytest.approx([v for v in expected if v == v], rel=1e-4)


@pytest.mark.usefixtures("undrawn")
def test_units_and_frame(volumes, data):
    assert data["sizeUnit"] == "pixels"
    assert data["views"][0]["frame"]["values"] == pytest.approx((-0.02, 1.02))
    assert page_data(make_views(volumes))["sizeUnit"] == "ml"


@pytest.mark.usefixtures("undrawn")
def test_each_label_has_values_of_its_own(two_labels):
    together, tumour, node = page_data(make_views(two_labels))["views"]
    summed = [one + other for one, other in zip(tumour["size"], node["size"], strict=True)]
    assert together["size"] == pytest.approx(summed)
    assert node["size"][0] == 0
    assert node["classes"][0] == "no tumour"
    assert node["values"]["dice"] != tumour["values"]["dice"]


class Script(HTMLParser):
    """Content of the script elements, as a browser takes it."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.content = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.content += data


@settings(max_examples=50)
@given(st.lists(st.text() | st.sampled_from(["</script>", "<!--", "<script>", "\u2028"]) | st.integers(), max_size=5))
def test_nothing_ends_the_script(content):
    parsed = Script(f"<script>{script_json(content)}</script>")
    assert parsed.tags == ["script"]
    assert json.loads(parsed.content) == content


def test_nothing_but_json():
    assert script_json("</script><!-- & ") == '"\\u003c/script\\u003e\\u003c!-- \\u0026 "'
    with pytest.raises(ValueError, match="JSON"):
        script_json(float("nan"))
