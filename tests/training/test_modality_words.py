import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnunetv2_cipa.training.modality_words import modality_of

CT = [
    *("CT", "ct", "Ct", "CTres", "ctres", "CTAC", "ctac", "LDCT", "ldct", "CECT", "NCCT", "sCT", "CT_HU", "HU", "CTHU"),
    *(
        "low-dose CT",
        "LowDoseCT",
        "lowdosect",
        "CTImage",
        "ct_0000",
        "CT1",
        "CT (HU)",
        "ctWindowed",
        "computed tomography",
    ),
    *("computed tomography", "CTxyz", "rCT", "synCT", "CT_resampled", "contrastCT", "ctimg"),
    *("CT_resampled_to_PET", "ct2pet", "CT on PET", "CT_into_PET"),
]
PET = [
    *("PET", "pet", "PT", "pt", "SUV", "suv", "SUVbw", "suvbw", "PETres", "petres", "FDGPET", "fdgpet", "petsuv"),
    *("PET_SUV", "PETSUV", "18F-FDG", "[18F]FDG", "FDG", "PSMA", "68Ga-PSMA", "PSMA-1007", "SUV_lbm", "SULpeak"),
    *("PETxyz", "petImage", "PTres", "ptres", "autoPET", "nacPET", "PET-AC", "positron emission tomography", "wbpet"),
    *("SUVfoo", "psma_pet", "DOTATATE", "rPET", "sPET", "PET_resampled_to_CT", "pet_reg2ct"),
]
NEITHER = [
    *("", "0", "octopus", "carpet", "product", "petal", "structure", "insect", "spect", "human", "petrous", "impact"),
    *("rgb_to_0_1", "zscore", "noNorm", "nonorm", "rescale_to_0_1", "T1", "T2w", "FLAIR", "ADC", "channel_0", "mask"),
    *("PET/CT", "petct", "CTPET", "PETCT", "ct and pet", "Petri", "aspect", "active", "adopted", "scan"),
]


@pytest.mark.parametrize("name", CT)
def test_ct(name):
    assert modality_of(name) == "CT"


@pytest.mark.parametrize("name", PET)
def test_pet(name):
    assert modality_of(name) == "PET"


@pytest.mark.parametrize("name", NEITHER)
def test_neither_or_both(name):
    assert modality_of(name) is None


@given(st.sampled_from(["CT", "PET"]), st.text(st.characters(categories=["N", "P", "Z"]), max_size=8))
def test_what_is_no_letter_changes_nothing(name, around):
    assert modality_of(f"{around}{name}{around}") == name


@given(st.text(max_size=40))
def test_any_text_is_read(name):
    assert modality_of(name) in ("CT", "PET", None)
