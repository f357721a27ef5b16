"""The page in headless Chromium, opened from a file: list, viewer, keys, theme, print; no fault, nothing fetched."""

import io

import numpy as np
import pytest
from markupsafe import Markup
from PIL import Image

from nnunetv2_cipa.report import page, plots
from nnunetv2_cipa.report.page import write_report

pytestmark = pytest.mark.slow

PLACE = """() => {
    const data = JSON.parse(document.getElementById("data").textContent);
    const { frame: { x, y, sizes, values }, size, values: ofMeasures } = data.views[0];
    const number = data.cases.identifier.indexOf("bob_10");
    const across = Math.log(size[number] / sizes[0]) / Math.log(sizes[1] / sizes[0]);
    const up = (ofMeasures.dice[2][number] - values[0]) / (values[1] - values[0]);
    return { x: x[0] + across * (x[1] - x[0]), y: y[0] + up * (y[1] - y[0]) };
}"""  # of a dot in the plot of sizes


@pytest.fixture(scope="module")
def slices_page(comparison, tmp_path_factory):
    return write_report(comparison, tmp_path_factory.mktemp("embedded") / "report.html").page


@pytest.fixture(scope="module")
def volumes_page(volumes, tmp_path_factory):
    """With the cases in files beside the page, whose name has characters that mean something in URLs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "MOST_EMBEDDED_BYTES", 100)
        patch.setattr(plots, "inline_svg", lambda *_: Markup("<svg></svg>"))  # those of slices are looked at
        return write_report(volumes, tmp_path_factory.mktemp("beside") / "report #1 100%.html").page


@pytest.fixture
def open_page(browser):
    """A function that opens a page; at the end nothing may have gone wrong, nor come from elsewhere."""
    faults, requests, contexts = [], [], []

    def open_(file, **options):
        context = browser.new_context(viewport={"width": 1400, "height": 1000}, **options)
        contexts.append(context)
        tab = context.new_page()
        tab.set_default_timeout(20_000)
        tab.on("console", lambda message: faults.append(message.text))
        tab.on("pageerror", lambda error: faults.append(str(error)))
        tab.on("request", lambda request: requests.append(request.url))
        tab.goto(file.as_uri())
        tab.locator("#ct[href]").wait_for(state="attached")
        return tab

    yield open_
    for context in contexts:
        context.close()
    assert faults == []
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []


def column(tab, number):
    return tab.locator(f"#table tbody tr td:nth-child({number})").all_inner_texts()


def shown_case(tab):
    return tab.locator("#case-name").inner_text()


def pixels(tab):
    """The picture as grey levels, without its margins: the focus is there, and words are."""
    with Image.open(io.BytesIO(tab.locator("#picture").screenshot())) as image:
        grey = np.asarray(image.convert("L")).astype(int)
    rows, columns = (length // 10 for length in grey.shape)
    return grey[rows:-rows, columns:-columns]


def press(tab, *keys):
    tab.locator("#stage").focus()
    for key in keys:
        tab.keyboard.press(key)


def test_opens_with_the_worst_case_and_shows_names_as_they_are(slices_page, open_page):
    tab = open_page(slices_page)
    assert shown_case(tab) == "ada_1"
    assert tab.locator("#rank").inner_text() == "1 of 7"
    assert tab.locator("#table thead th").all_inner_texts()[3:] == ["CIPA", "U-Net", "</script><b>x", "Spread"]
    assert "</script><script>throw 1</script>" in column(tab, 2)
    assert tab.locator("svg.plot").count() == 6


def test_columns_sort_both_ways_numbers_as_numbers_and_undefined_last(slices_page, open_page):
    tab = open_page(slices_page)
    head = tab.locator("#table thead th")
    head.nth(0).locator("button").click()
    assert column(tab, 1) == ["ada_1", "ada_2", "ada_10", "bob_1", "bob_2", "bob_10", "eve&_1"]
    assert head.nth(0).get_attribute("aria-sort") == "ascending"
    head.nth(0).locator("button").click()
    assert column(tab, 1)[0] == "eve&_1"
    assert head.nth(0).get_attribute("aria-sort") == "descending"
    head.nth(2).locator("button").click()
    sizes = [int(text.replace(",", "")) for text in column(tab, 3)]
    assert sizes == sorted(sizes)
    tab.locator("#measure").select_option("hausdorff95")
    tab.locator("#model").select_option("2")
    worst_first = column(tab, 6)
    assert worst_first[-1] == "\N{EN DASH}"
    assert [float(text) for text in worst_first[:-1]] == sorted(map(float, worst_first[:-1]), reverse=True)
    head.nth(5).locator("button").click()
    assert column(tab, 6)[-1] == "\N{EN DASH}"


def test_filters_by_name_size_and_value(slices_page, open_page):
    tab = open_page(slices_page)
    tab.locator("#search").fill("BOB")
    assert sorted(column(tab, 1)) == ["bob_1", "bob_10", "bob_2"]
    assert tab.locator("#count").inner_text().startswith("3 of 7 cases")
    assert tab.locator("#rank").inner_text().endswith("of 3")
    tab.locator("#search").fill("nobody")
    assert column(tab, 1) == []
    assert tab.locator("#best").is_disabled()
    tab.get_by_role("button", name="Clear").click()
    assert len(column(tab, 1)) == 7
    tab.locator("#class").select_option(label=tab.locator("#class option").nth(1).inner_text())
    assert {int(size) for size in column(tab, 3)} <= {16, 36, 64}
    tab.get_by_role("button", name="Clear").click()
    tab.locator("#model").select_option("1")
    tab.locator("#least").fill("50")
    tab.locator("#most").fill("70")
    values = [float(text) for text in column(tab, 5)]
    assert values
    assert all(50 <= value <= 70 for value in values)


def test_a_row_opens_its_case(slices_page, open_page):
    tab = open_page(slices_page)
    tab.get_by_role("button", name="bob_2").click()
    assert shown_case(tab) == "bob_2"
    assert tab.locator("#table tr[aria-current]").locator("td").first.inner_text() == "bob_2"
    assert tab.evaluate("document.activeElement.id") == "stage"


def test_keys_go_through_the_cases_from_worst_to_best(slices_page, open_page):
    tab = open_page(slices_page)
    tab.locator("#model").select_option("1")
    ranked = column(tab, 1)
    press(tab, "Home")
    assert shown_case(tab) == ranked[0]
    press(tab, "ArrowRight", "ArrowRight")
    assert shown_case(tab) == ranked[2]
    press(tab, "ArrowLeft")
    assert shown_case(tab) == ranked[1]
    press(tab, "End", "ArrowRight")
    assert shown_case(tab) == ranked[-1]
    assert tab.locator("#better").is_disabled()
    tab.locator("#worse").click()
    assert shown_case(tab) == ranked[-2]
    tab.locator("#search").focus()
    tab.keyboard.press("Home")
    assert shown_case(tab) == ranked[-2]


def test_keys_switch_outlines_and_images(slices_page, open_page):
    tab = open_page(slices_page)
    tab.get_by_role("button", name="bob_2").click()

    def outlines():
        return tab.locator(".outline[data-outline]").evaluate_all("all => all.map(one => one.dataset.outline)")

    everything = ["Reference", "CIPA", "U-Net", "</script><b>x"]
    assert outlines() == everything
    press(tab, "0", "2")
    assert outlines() == ["CIPA", "</script><b>x"]
    assert [box.is_checked() for box in tab.locator("#toggles input").all()] == [False, True, False, True]
    press(tab, "o")
    assert outlines() == everything
    press(tab, "o")
    assert outlines() == []
    tab.locator("#toggles input").nth(1).check()
    assert outlines() == ["CIPA"]
    assert pixels(tab).max() > 100
    press(tab, "1", "9", "p", "c")
    assert tab.locator("#opacity-value").inner_text() == "off"
    assert pixels(tab).max() == 0


def test_the_window_is_what_is_seen(slices_page, open_page):
    """CT rises from 0 at the left to 47 at the right: a narrow window at 24 makes a step in the middle."""
    tab = open_page(slices_page)
    press(tab, "p", "o")
    tab.locator("#level").fill("24")
    tab.locator("#width").fill("1")
    row = pixels(tab)[50]
    scale = tab.evaluate("document.getElementById('picture').getScreenCTM().a")  # pixels of the screen to one of CT
    middle = len(row) // 2
    assert row[middle - round(8 * scale)] == 0
    assert row[middle + round(8 * scale)] == 255
    (step,) = np.flatnonzero(np.diff((row > 127).astype(int)) == 1)
    assert abs(step - middle) < 1.5 * scale
    press(tab, "]", "}")
    assert float(tab.locator("#level").input_value()) > 24
    assert float(tab.locator("#width").input_value()) > 1
    tab.get_by_role("button", name="All").click()
    assert float(tab.locator("#width").input_value()) == 255


def test_pet_is_seen_over_ct_as_strong_as_its_opacity(slices_page, open_page):
    tab = open_page(slices_page)
    tab.get_by_role("button", name="eve&_1").click()
    press(tab, "o", "c")
    tab.locator("#opacity").fill("100")
    full = pixels(tab).max()
    tab.locator("#opacity").fill("20")
    faint = pixels(tab).max()
    assert full > 120
    assert faint < full / 2
    tab.locator("#upper").fill("255")
    assert tab.locator("#scale-top").inner_text() == "255"


def test_zooms_and_reads_values_under_the_pointer(slices_page, open_page):
    tab = open_page(slices_page)
    tab.locator("#picture").scroll_into_view_if_needed()
    box = tab.locator("#picture").bounding_box()
    tab.mouse.move(box["x"] + box["width"] / 2 + 3, box["y"] + box["height"] / 2 + 3)
    tab.locator("#readout:not(:empty)").wait_for()
    assert tab.locator("#readout").inner_text() == "x 24, y 20 · CT 24 · PET 1"
    press(tab, "+", "+")
    assert tab.locator("#picture").get_attribute("viewBox").split()[2] == str(48 / 1.25**2)
    tab.mouse.wheel(0, -200)
    assert float(tab.locator("#picture").get_attribute("viewBox").split()[2]) < 48 / 1.25**2
    tab.locator("#readout:not(:empty)").wait_for()
    press(tab, "f")
    assert tab.locator("#picture").get_attribute("viewBox") == "0 0 48 40"


def test_the_differences_of_another_measure(slices_page, open_page):
    tab = open_page(slices_page)
    visible = tab.locator(".difference:visible")
    assert visible.count() == 1
    tab.locator(".difference-measure").select_option(label="HD95, mean over patients")
    assert visible.count() == 1
    assert visible.locator("caption").inner_text() == "HD95, mean over patients"


def test_a_dot_of_the_plot_opens_its_case(slices_page, open_page):
    tab = open_page(slices_page)
    tab.locator("#search").fill("ada")
    place = tab.evaluate(PLACE)
    svg = tab.locator(".scatter svg")
    svg.scroll_into_view_if_needed()
    screen = svg.evaluate(
        "(svg, at) => { const p = new DOMPoint(at.x, at.y).matrixTransform(svg.getScreenCTM()); return [p.x, p.y]; }",
        place,
    )
    tab.mouse.click(screen[0] + 2, screen[1] - 2)
    assert shown_case(tab) == "bob_10"
    assert tab.locator("#model").input_value() == "2"
    assert len(column(tab, 1)) == 7


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_follows_the_systems_theme_and_the_users(slices_page, open_page, scheme):
    tab = open_page(slices_page, color_scheme=scheme)

    def looks():
        page_, ink, plot = (
            tab.locator(place).first.evaluate("(one, what) => getComputedStyle(one)[what]", what)
            for place, what in (("body", "backgroundColor"), ("body", "color"), ("svg.plot text", "fill"))
        )
        assert ink == plot
        return sum(int(part) for part in page_[4:-1].split(","))

    assert (looks() > 600) == (scheme == "light")
    button = tab.locator("#theme")
    button.click()
    assert button.inner_text() == "Theme: light"
    assert looks() > 600
    button.click()
    assert looks() < 150
    tab.reload()
    assert button.inner_text() == "Theme: dark"
    assert looks() < 150


def test_is_printed_light_and_without_controls(slices_page, open_page):
    tab = open_page(slices_page, color_scheme="dark")
    tab.emulate_media(media="print")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    for hidden in (".bar", "#filters", ".steps", ".keys", "#ct-controls"):
        assert not tab.locator(hidden).is_visible()
    for visible in ("#summary", "svg.plot >> nth=0", "#table", "#toggles"):
        assert tab.locator(visible).is_visible()
    assert tab.pdf(format="A4").startswith(b"%PDF")


def test_volumes_have_slices_windows_in_hounsfield_units_and_files_beside_the_page(volumes_page, open_page):
    tab = open_page(volumes_page)
    assert tab.locator("#slice-number").inner_text() == "1 of 3 (no. 2)"
    assert float(tab.locator("#level").input_value()) == 40
    assert float(tab.locator("#width").input_value()) == 400
    tab.get_by_role("button", name="Lung").click()
    assert float(tab.locator("#level").input_value()) == -600
    assert tab.locator("#upper-value").inner_text() == "9.5"
    tab.locator("#upper").evaluate("one => { one.value = 5.5; one.dispatchEvent(new Event('input')); }")
    press(tab, "ArrowUp", "ArrowUp", "ArrowUp")
    assert tab.locator("#slice-number").inner_text() == "3 of 3 (no. 4)"
    press(tab, "ArrowDown")
    assert tab.locator("#slice-number").inner_text() == "2 of 3 (no. 3)"
    assert tab.locator("#picture").get_attribute("viewBox") == "0 0 48 80"
    press(tab, "End")
    tab.locator("#slice-number", has_text="1 of 3").wait_for()
    assert float(tab.locator("#level").input_value()) == -600  # as it was left
    assert tab.locator("#upper-value").inner_text() == tab.locator("#scale-top").inner_text() == "5.5"


def test_a_case_whose_file_is_gone_is_named(browser, volumes_page):
    moved = volumes_page.with_name("moved.html")
    moved.write_text(volumes_page.read_text(encoding="utf-8").replace("_files", "_gone"), encoding="utf-8")
    tab = browser.new_page()
    tab.goto(moved.as_uri())
    tab.locator("#message:not(:empty)").wait_for()
    message = tab.locator("#message").inner_text()
    assert message.startswith("report #1 100%_gone/case_")
    assert message.endswith("is not there. The folder belongs beside this page.")
    tab.close()


def test_fits_a_narrow_screen(slices_page, open_page):
    tab = open_page(slices_page)
    tab.set_viewport_size({"width": 390, "height": 800})
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390


def test_volumes_have_projections_and_lesions_to_jump_to(volumes_page, open_page):
    tab = open_page(volumes_page)
    views = tab.locator("#projections svg")
    assert [view.get_attribute("viewBox") for view in views.all()] == ["0 0 48 30", "0 0 40 15"]
    assert views.nth(0).locator("image").get_attribute("href").startswith("data:image/png")
    assert views.nth(0).locator(".outline").count() == tab.locator("#outlines .outline").count()
    first = views.nth(0).locator(".place").get_attribute("y1")
    assert float(first) == (6 - 1 - 2 + 0.5) * 5  # slice 2 of 6, the head up
    views.nth(0).click(position={"x": 5, "y": 1})  # the topmost slice that is shown is no. 4
    tab.locator("#slice-number", has_text="3 of 3 (no. 4)").wait_for()
    assert views.nth(0).locator(".place").get_attribute("y1") != first
    assert tab.locator("#lesion").inner_text() == "1"
    press(tab, "l")
    tab.locator("#slice-number", has_text="1 of 3 (no. 2)").wait_for()
    assert tab.locator("#lesion").inner_text().startswith("1 of 1: ")
    assert tab.locator("#lesion").inner_text().endswith("missed by </script><b>x")
    assert tab.locator("#outlines .ring").count() == 1


@pytest.fixture(scope="module")
def labels_page(two_labels, tmp_path_factory):
    return write_report(two_labels, tmp_path_factory.mktemp("labels") / "report.html").page


def test_each_label_has_a_page_of_its_own(labels_page, browser):
    faults = []
    tab = browser.new_page()
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.goto(labels_page.as_uri())
    tab.locator("#outlines .outline").first.wait_for(state="attached")
    assert tab.locator("#label option").all_inner_texts() == ["all labels", "GTVp", "GTVn"]
    together = column(tab, 4)
    tab.locator("#label").select_option("GTVn")
    assert tab.locator(".of-label:visible").inner_text() == "GTVn: 2"
    assert column(tab, 4) != together
    assert tab.locator(".difference:visible").count() == 1
    assert tab.locator("svg.plot:visible").count() == 5
    assert tab.locator("#class option").nth(1).inner_text() == "no tumour"
    tab.locator("#table tbody tr", has_text="bob").click()
    tab.locator("#case-name", has_text="bob").wait_for()
    tab.locator("#lesion", has_text="2").wait_for()
    tab.locator("#next-lesion").click()
    assert tab.locator("#lesion").inner_text().endswith("missed by B")
    tab.locator("#next-lesion").click()
    assert tab.locator("#lesion").inner_text().endswith("not in the reference: B")
    tab.locator("#previous-lesion").click()
    assert tab.locator("#lesion").inner_text().startswith("1 of 2: ")
    assert faults == []
    tab.close()
