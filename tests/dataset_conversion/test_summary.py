from nnunetv2_cipa.dataset_conversion.slice_conversion import ConvertedSlice
from nnunetv2_cipa.dataset_conversion.summary import Row, Summary


def value_of(summary: Summary, quantity: str) -> str:
    return next(row.here for row in summary.rows() if row.quantity == quantity)


def test_values():
    train = [ConvertedSlice(f"a_{number}", "a", (512, 512), 400 + number) for number in range(61)]
    train += [ConvertedSlice(f"b_{number}", "b", (512, 512), 0) for number in range(5)]
    test = [ConvertedSlice(f"c_{number}", "c", (256, 512), 2000) for number in range(40)]
    summary = Summary(train, test, fold_sizes=[40, 20, 3, 2, 1])
    assert [value_of(summary, row.quantity) for row in summary.rows()] == [
        "3",
        "66",
        "40",
        "256x512, 512x512",
        "5 to 61",
        "40",
        "33.33 %",
        "33.33 %",
        "5",
        "400 to 2,000",
        "450",
        "60.40 %",
        "39.60 %",
        "40, 20, 3, 2, 1",
    ]
    assert "patients                                       3 *  605\n" in str(summary)
    assert "* departs from PCLT20K as published" in str(summary)


def test_a_dataset_without_any_tumour():
    summary = Summary([ConvertedSlice("a_1", "a", (8, 8), 0)], [], fold_sizes=[1])
    assert value_of(summary, "tumour area (pixels)") == "none"
    assert value_of(summary, "tumour areas under 500 pixels") == "none"


def test_nothing_departs(monkeypatch):
    monkeypatch.setattr(Summary, "rows", lambda self: [Row("patients", "605", "605"), Row("folds", "1, 2", "")])
    assert str(Summary([], [], [])).splitlines()[1:] == [
        "patients   605    605",
        "folds     1, 2",
        "In all of these, this is PCLT20K as published.",
    ]
