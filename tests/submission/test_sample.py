import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.submission.sample import check_rows, empty_mask_of, in_order, read_sample


@pytest.fixture
def sample(tmp_path):
    def write(text, columns=None):
        (tmp_path / "sample.csv").write_text(text)
        return read_sample(tmp_path / "sample.csv", columns)

    return write


def test_first_and_last_column_by_default(sample):
    read = sample("﻿id,class,rle\r\nb,tumour,1 1\r\na,tumour,\r\n")
    assert read.columns == ("id", "class", "rle")
    assert (read.id_column, read.mask_column) == (0, 2)
    assert read.ids == ["b", "a"]


def test_columns_without_a_name_are_neither_ids_nor_masks(sample):
    read = sample(",id,rle,\n0,a,1 1,\n1,b,,\n")
    assert (read.id_column, read.mask_column) == (1, 2)
    assert read.ids == ["a", "b"]


def test_named_columns(sample):
    read = sample("ImageId,EncodedPixels,ClassId\na,1 1,4\n", ("ImageId", "EncodedPixels"))
    assert (read.id_column, read.mask_column) == (0, 1)


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("", None, "no CSV file"),
        ("id\na\n", None, "a column of ids and one of masks"),
        ("id;rle\na;\n", None, "Its columns: id;rle. Separate columns by commas"),
        ("id\trle\na\t\n", None, "Separate columns by commas"),
        ("a_1,\na_2,\n", None, "a column of ids and one of masks"),
        ("id,rle\na,\n", ("id", "mask"), "Its columns: id, rle"),
        ("id,rle\na,\nb\nc,1,2\n", None, "not in line 3, 4"),
        ("id,rle\na,\nb,\na,\n", None, "several rows an id. .*\n1 ids more than once:\n    a"),
        ("id,class,rle\na,x,\na,y,\n", None, "several rows an id, which class may tell apart.*one row an id"),
    ],
)
def test_bad_samples(sample, text, columns, message):
    with pytest.raises(InputError, match=message):
        sample(text, columns)


def test_unreadable_files(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_sample(tmp_path / "none.csv")
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\xff")
    with pytest.raises(InputError, match="no CSV file"):
        read_sample(tmp_path / "picture.csv")


def test_same_rows_pass(sample):
    check_rows(["id", "rle"], ["b", "a"], sample("id,rle\nb,\na,\n"))


def test_ids_are_brought_into_the_samples_order(sample):
    assert in_order(["a", "b", "c"], sample("id,rle\nb,\nc,\na,\n")) == ["b", "c", "a"]
    with pytest.raises(InputError, match=r"here, but not in the sample \(1\):\n    c"):
        in_order(["a", "b", "c"], sample("id,rle\nb,\na,\n"))


def test_every_difference_is_named(sample):
    with pytest.raises(InputError) as raised:
        check_rows(["id", "mask"], ["a", "x", "a"], sample("id,rle\na,\nb,\nc,\n"))
    assert str(raised.value).splitlines()[1:] == [
        "columns are id, mask, in the sample id, rle",
        "in the sample, but not here (2):",
        "    b",
        "    c",
        "here, but not in the sample (1):",
        "    x",
        "here more than once (1):",
        "    a",
    ]


def test_another_order_is_named(sample):
    with pytest.raises(InputError, match=r"(?s)another order \(2\).*line 3 is c, in the sample b.*line 4 is b"):
        check_rows(["id", "rle"], ["a", "c", "b"], sample("id,rle\na,\nb,\nc,\n"))


@pytest.mark.parametrize(
    ("masks", "empty"),
    [
        (["-1", "-1"], "-1"),
        (["-", "-"], "-"),
        (["", ""], ""),
        (["1 1", "1 1"], ""),
        (["1 0", "1 0"], "1 0"),
        (["0 1", "0 1"], "0 1"),
        (["0", "0"], "0"),
        (["1 3 9 2", "-1"], "-1"),
        (["1 3", "", " "], ""),
        ([], ""),
    ],
)
def test_how_the_sample_has_empty_masks(sample, masks, empty):
    lines = [f"{number},{mask}" for number, mask in enumerate(masks)]
    assert empty_mask_of(sample("\n".join(["id,rle", *lines, ""]))) == empty


@pytest.mark.parametrize("masks", [["-1", "-"], ["", "-1"], ["512", "512"], ["512", "256"]])
def test_how_the_sample_has_empty_masks_is_asked_for(sample, masks):
    lines = [f"{number},{mask}" for number, mask in enumerate(masks)]
    with pytest.raises(InputError, match=r"column rle.*--empty.*--columns"):
        empty_mask_of(sample("\n".join(["id,rle", *lines])))


@pytest.mark.parametrize("ending", [".png", "_0000.nii.gz", "0"])
def test_an_ending_that_ids_lack_is_named(sample, ending):
    cases = ["a_1", "a_10", "a_100", "b"]
    read = sample("\n".join(["id,rle", *(f"{case}{ending}," for case in cases)]))
    with pytest.raises(InputError, match=rf"With --id-ending {ending} they would be the sample's\.$"):
        in_order(cases, read)
    with pytest.raises(InputError) as raised:
        in_order(["x_1"], read)
    assert "--id-ending" not in str(raised.value)


def differences(ids, sample):
    with pytest.raises(InputError) as raised:
        in_order(ids, sample)
    return str(raised.value)


def test_an_ending_is_named_though_other_ids_differ_too(sample):
    read = sample("id,rle\na_1.png,\na_10.png,\na_11.png,\n")
    assert differences(["a_1", "a_10"], read).endswith("\nWith --id-ending .png 2 would be in it.")
    read = sample("id,rle\na_1 ,\na_2 ,\n")
    assert "--id-ending ' ' they" in differences(["a_1", "a_2"], read)


def test_the_column_that_has_the_ids_is_named(sample):
    read = sample("height,img,rle\n20,a_1,\n24,a_2,\n")
    assert differences(["a_1", "a_2"], read).endswith("\nThe column img has them: --columns img rle")
    read = sample("kind,image id\nx,a_1\ny,a_2\n")
    assert differences(["a_1", "a_2"], read).endswith("--columns 'image id' MASK")


def test_rows_of_several_classes_whose_ids_differ_are_named(sample):
    read = sample("Image_Label,EncodedPixels\n" + "".join(f"{i}_{c},1 1\n" for i in "ab" for c in ("Fish", "Gravel")))
    assert "several rows a case, such as _Fish and _Gravel. What can be written" in differences(["a", "b"], read)
