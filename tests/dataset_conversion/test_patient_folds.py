from hypothesis import given
from hypothesis import strategies as st
from nnunetv2_cipa.dataset_conversion.patient_folds import hold_out_patients, patient_folds

slices_by_patient = st.lists(st.integers(1, 60), min_size=5, max_size=40)


@given(slices_by_patient, st.integers(2, 5))
def test_no_patient_is_in_two_folds_and_every_case_is_validated_once(numbers, num_folds):
    patient_by_case = {
        f"{patient}_{number}": f"p{patient}" for patient, count in enumerate(numbers) for number in range(count)
    }
    folds = patient_folds(patient_by_case, num_folds)
    assert len(folds) == num_folds
    assert sorted(case for fold in folds for case in fold["val"]) == sorted(patient_by_case)
    for fold in folds:
        assert fold["val"]
        assert fold["val"] == sorted(fold["val"])
        assert sorted(fold["train"] + fold["val"]) == sorted(patient_by_case)
        assert not {patient_by_case[case] for case in fold["train"]} & {patient_by_case[case] for case in fold["val"]}


@given(slices_by_patient)
def test_folds_differ_by_no_more_than_the_largest_patient(numbers):
    patient_by_case = {
        f"{patient}_{number}": f"p{patient}" for patient, count in enumerate(numbers) for number in range(count)
    }
    sizes = [len(fold["val"]) for fold in patient_folds(patient_by_case)]
    assert max(sizes) - min(sizes) <= max(numbers)


def test_folds_do_not_depend_on_the_order_of_cases():
    cases = {f"{patient}_{number}": f"p{patient}" for patient in range(9) for number in range(patient + 1)}
    assert patient_folds(cases) == patient_folds(dict(reversed(cases.items())))


@given(st.integers(2, 200), st.integers(0, 2**32 - 1))
def test_a_fifth_of_the_patients_is_held_out(count, seed):
    patients = [f"p{number}" for number in range(count)]
    test = hold_out_patients(patients, seed)
    assert test < set(patients)
    assert len(test) == -(-count // 5)
    assert test == hold_out_patients(patients, seed)
