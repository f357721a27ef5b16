import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnunetv2_cipa.nnunet.patient_names import dataset_name, lettered_patients, patients_by_name, slices_alone

OWN = None  # every case is a patient of its own


@pytest.mark.parametrize(
    ("cases", "patients"),
    [
        (["0001_17", "0001_18", "0002_3"], ["0001", "0001", "0002"]),
        (["0001_17"], ["0001"]),
        (["fdg_0b57b247b6_05-02-2002-NA CT-42966", "fdg_0b57b247b6_12-24-2004-NA-1"], ["fdg_0b57b247b6"] * 2),
        (["psma_95b833d46f153cd2_2018-04-16", "psma_95b833d46f153cd2_2019-04-16"], ["psma_95b833d46f153cd2"] * 2),
        (["fdg_00000000000b_2020-01-01", "psma_00000000000b_2020-01-01"], ["fdg_00000000000b", "psma_00000000000b"]),
        (["fdg_abcdefabcd_2020-01-01", "fdg_abcdefabcd_20200102"], ["fdg_abcdefabcd"] * 2),
        (["PETCT_0a1b2c3d4e_2003-01-31"], ["PETCT_0a1b2c3d4e"]),
        (["PETCT_0a1b2c3d4e_1b2c3d4e5f", "PETCT_0a1b2c3d4e_ffffffffff"], ["PETCT_0a1b2c3d4e"] * 2),
        (["fdg_0b57b247b6_42966", "fdg_0b57b247b6_42967"], ["fdg_0b57b247b6"] * 2),
        (["prostate_00_slice_009", "prostate_01_slice_009"], ["prostate_00", "prostate_01"]),
        (["patient12_slice3", "patient12_slice4"], ["patient12"] * 2),
        (["patient12slice3", "patient12slice4"], ["patient12"] * 2),
        (["patient12_3", "patient12_4"], ["patient12"] * 2),
        (["STS_001_12", "STS_001_13"], ["STS_001"] * 2),
        (["STS_001_12", "STS_002_12"], ["STS_001", "STS_002"]),
        (["0001_z12", "0001_z13"], ["0001"] * 2),
        (["STS_001.017", "STS_001.018", "STS_002.z017"], ["STS_001", "STS_001", "STS_002"]),
        (["1.2.840.113.17", "1.2.840.113.18"], OWN),
        (["1.2.840.113.17_1", "1.2.840.113.17_2"], ["1.2.840.113.17"] * 2),
        (["P01_IM0012", "P01_IM0013", "P02_sl7"], ["P01", "P01", "P02"]),
        (["R01-001", "R01-002", "R01-003", "AMC-001"], OWN),
        (["ISPY1_1001", "ISPY1_1002", "DUKE_001", "NACT_01"], OWN),
        (["0001-17", "0001-18", "0002-3"], ["0001", "0001", "0002"]),
        (["PCLT20K_0001_17", "PCLT20K_0002_17"], ["PCLT20K_0001", "PCLT20K_0002"]),
        (["P01_1", "P02_1"], ["P01", "P02"]),
        (["a_1", "b_9", "b_10"], ["a", "b", "b"]),
        (["P_001", "P_002"], OWN),
        (["patient001_frame01", "patient001_frame12"], ["patient001"] * 2),
        (["A0S9V9_sa_ED", "A0S9V9_sa_ES", "A1D0Q7_sa_ED"], ["A0S9V9", "A0S9V9", "A1D0Q7"]),
        (["sub-01_ses-01_T1w", "sub-01_ses-02_T1w", "sub-02_ses-01_T1w"], ["sub-01", "sub-01", "sub-02"]),
        (["BraTS-GLI-00000-000", "BraTS-GLI-00000-001"], ["BraTS-GLI-00000"] * 2),
        (["TCGA_CS_4941_19960909_1", "TCGA_CS_4942_19970222_12"], ["TCGA_CS_4941", "TCGA_CS_4942"]),
        (["BraTS19_CBICA_AAB_1", "BraTS19_2013_10_1"], ["BraTS19_CBICA_AAB", "BraTS19_2013_10"]),
        (["P001_T1", "P001_T2", "P002_T1"], ["P001", "P001", "P002"]),
        (["patient01_base", "patient01_fu1", "patient02_base"], ["patient01", "patient01", "patient02"]),
        (["Lung_Dx-A0001_04-04-2007", "Lung_Dx-A0001_12-04-2007"], ["Lung_Dx-A0001"] * 2),
        (["CHUM-001__CT", "MDA-002__CT"], ["CHUM-001", "MDA-002"]),
        (["genius_0800", "genius_0801"], OWN),
        (["CHUM-001", "CHUM-002", "CHUS-001", "MDA-001"], OWN),
        (["case_001", "case_002"], OWN),
        (["case_001"], OWN),
        (["la_003", "la_004"], OWN),
        (["BRATS_001", "BRATS_484"], OWN),
        (["liver_1", "liver_10", "liver_11"], OWN),
        (["hepaticvessel_001", "hepaticvessel_002"], OWN),
        (["BraTS2021_00001", "BraTS2021_00002"], OWN),
        (["BraTS20_Training_001", "BraTS20_Training_002"], OWN),
        (["LUNG1-001", "LUNG1-002"], OWN),
        (["TCGA-02-0006", "TCGA-02-0009", "TCGA-02-0116", "TCGA-06-0122", "TCGA-06-0190"], OWN),
        (["sub-001", "sub-002"], OWN),
        (["c01_p1", "c01_p2", "c02_p1", "c02_p2"], OWN),
        (["AMOS22_c12", "AMOS22_c13"], OWN),
        (["Lung_Dx-A0001", "Lung_Dx-B0002"], OWN),
        (["ACRIN-NSCLC-FDG-PET-001", "ACRIN-NSCLC-FDG-PET-002"], OWN),
        (["case_20200101", "case_20200102"], OWN),
        (["img0001", "img0002"], OWN),
        (["s0011", "s0012"], OWN),
        (["volume-12", "volume-13"], OWN),
        (["12", "13"], OWN),
        (["ada", "bert"], OWN),
        (["1.3.6.1.4.1.14519.5.2.1.6279.6001.1057566580315150", "1.3.6.1.4.1.14519.5.2.1.6279.6001.2"], OWN),
    ],
)  # fmt: skip
def test_names_of_public_data(cases, patients):
    assert patients_by_name(cases) == dict(zip(cases, cases if patients is OWN else patients, strict=True))


@given(st.lists(st.text(st.sampled_from("ab0123456789_- .z"), max_size=12), max_size=8))
def test_a_patient_is_how_its_cases_begin_whatever_their_order(names):
    patients = patients_by_name(names)
    assert list(patients) == list(dict.fromkeys(names))
    for case, patient in patients.items():
        assert case.startswith(patient)
        assert patient or not case
    assert patients_by_name(reversed(names)) == patients


words = st.from_regex(re.compile(r"[g-r]{2,8}"), fullmatch=True)  # no hash, no mark of a slice
numbers = st.sets(st.integers(0, 300), min_size=2, max_size=8)


@given(
    words,
    numbers,
    numbers,
    st.sampled_from(["{}_{:03}_{}", "{1:04}_{2}", "{}{:02}_{}", "{}-{:03}_{:03}", "{}_{:02}_slice_{}"]),
)
def test_slices_are_of_the_patient_that_is_numbered_before_them(word, patients, slices, form):
    cases = {form.format(word, patient, slice_): patient for patient in patients for slice_ in slices}
    found = patients_by_name(cases)
    assert len({(found[case], patient) for case, patient in cases.items()}) == len(patients) == len(set(found.values()))


@given(words, numbers, st.sampled_from(["{}_{:03}", "{}-{:04}", "{}_{}", "{}{}", "{}2021_{:05}"]))
def test_volumes_with_one_number_are_patients_of_their_own(word, patients, form):
    cases = [form.format(word, patient) for patient in patients]
    assert patients_by_name(cases) == {case: case for case in cases}


@given(
    st.sets(st.from_regex(re.compile(r"[0-9a-f]{10}"), fullmatch=True), min_size=1, max_size=6),
    st.sets(st.dates(date(1900, 1, 1), date(2099, 12, 31)), min_size=1, max_size=4),
    st.sampled_from(["%Y-%m-%d", "%m-%d-%Y", "%Y%m%d"]),
)
def test_studies_are_of_the_patient_before_their_date(hashes, dates, form):
    cases = {f"fdg_{patient}_{day.strftime(form)}": f"fdg_{patient}" for patient in hashes for day in dates}
    assert patients_by_name(cases) == cases


def test_what_may_be_a_patient_after_all():
    assert dataset_name(["BraTS2021_00001", "BraTS2021_00002"]) == "BraTS2021"
    assert dataset_name(["0001_1", "0001_2"]) is None
    assert dataset_name(["BRATS_001", "BRATS_002"]) is None
    assert lettered_patients(["ada_1", "ada_2", "bert_1"]) == ["ada", "bert"]
    assert lettered_patients(["CHUM-001", "CHUM-002", "CHUS-001"]) == []
    assert lettered_patients(["la_003", "la_004"]) == []


def test_words_after_the_number_do_not_hide_what_is_in_doubt():
    assert dataset_name(["BraTS2021_00001_seg", "BraTS2021_00002_seg"]) == "BraTS2021"
    assert lettered_patients(["R01-001_ct", "R01-002_ct", "AMC_001_ct", "AMC_002_ct"]) == ["R01", "AMC"]


def test_names_that_are_slices_and_nothing_else():
    assert slices_alone(["slice_001", "Slice002", "z17"])
    assert not slices_alone(["slice_001", "case_001"])
