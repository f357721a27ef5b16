"""Whose case it is, read from the names of all cases: where no list of patients says so.

A name without what marks a part of a patient at its end is its patient's. Such marks are a slice (`_slice_009`,
`_z12`), the date of a study with all that follows, a visit or an image (`_ses-02`, `_frame01`), words that patients
share (`_ED`, `_T1`), and a last number or hash (`0001_17`). A last number is the patient's own where no other is left
without it (`case_001`, `CHUM-001`), or where what is left is the same for all and no number by itself: a dataset's
name, as in `BraTS2021_00017`; or a word with a number where other names have one without (`R01-001` beside `AMC-001`).
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

_SEPARATORS = "_ .-"
_DATE = re.compile(
    r"""(?<![0-9A-Za-z.])(?:
        (?:19|20)\d\d(?:-\d{1,2}-\d{1,2}|(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))  # 2003-01-31, 20030131
        |\d{1,2}-\d{1,2}-(?:19|20)\d\d                                                # 01-31-2003, 31-01-2003
    )(?![0-9A-Za-z])""",
    re.VERBOSE,
)
_PART = re.compile(
    r"""(?:
        (?:(?<![A-Za-z])(?:slice|slc|frame)
            |(?<=[_ .-])(?:visit|session|ses|timepoint|tp|followup|fu|study|exam|series|scan|day|week|month|phase|run)
            |(?<=[_ .-])(?:image|img|im|layer|plane|sl|patch|tile|crop)
        )[_ -]*
        |(?<=[_ .-])[zs]
    )\d+(?![0-9A-Za-z])""",
    re.IGNORECASE | re.VERBOSE,
)
_SLICE_ALONE = re.compile(r"(?:slice|slc|frame|z)[_ .-]*[0-9]+", re.IGNORECASE)
_WORD_AT_END = re.compile(r"(?P<rest>.+?)[_ -]+(?P<tail>[A-Za-z]+|[A-Za-z][A-Za-z0-9]{1,3})")
_NUMBER_AT_END = re.compile(r"(?P<rest>.+?)(?P<separator>[_ -]+|(?<!\.)\.)(?P<tail>[0-9]+)")
_PART_OF_UID = re.compile(r".*[0-9]\.[0-9]+")
_NUMBERED_WORD = re.compile(r"[A-Za-z]+[0-9]+")
_HASH_AT_END = re.compile(r"(?P<rest>.+?)[_ -]+(?P<tail>[0-9a-f]{6,})")
_NUMBER_OR_HASH = re.compile(r"[0-9]+|[0-9a-fA-F]{6,}")
_LETTERS_OF_A_HASH = re.compile(r"[a-f]{8,}")
_NUMBERED_PATIENT = re.compile(r"(?:patient|pat|pt|p|subject|subj|sub|case|person|pid|id)[0-9]+", re.IGNORECASE)


def patients_by_name(cases: Iterable[str]) -> dict[str, str]:
    """Give each case identifier its patient, by the names of all.

    Returns:
        For each case a patient, which is how its name begins; cases in their order.
    """
    names = list(dict.fromkeys(cases))
    patients = {name: cut for name in names if (cut := _before(_DATE, name) or _before(_PART, name))}
    shortened = _without_shared_words(name for name in names if name not in patients)
    cuts = {name: _without_last_number(text) for name, text in shortened.items()}
    ends = list(filter(None, map(_number_at_end, shortened.values())))
    refused = _dataset_names(cuts.values()) | _sparsely_numbered(ends) | _numbered_hospitals(ends)
    for name, cut in cuts.items():
        patients[name] = cut if cut and cut not in refused else shortened[name]
    return {name: patients[name] for name in names}


def dataset_name(cases: Iterable[str]) -> str | None:
    """What was taken for a dataset's name in the names of all cases, and may as well be that of their only patient.

    Returns:
        Such as BraTS2021 of BraTS2021_00001 and BraTS2021_00002; None where there is none.
    """
    return next(iter(_dataset_names(map(_without_last_number, _without_shared_words(cases).values()))), None)


def lettered_patients(cases: Iterable[str]) -> list[str]:
    """Words that stand before an underscore and a number, and may as well be patients as hospitals.

    Returns:
        Such as anna and bert of anna_1, anna_2, bert_1 and bert_2; none where there is one such word, or one name each.
    """
    ends = list(filter(None, map(_number_at_end, _without_shared_words(cases).values())))
    numbered = _numbered_hospitals(ends)
    words = Counter(
        end["rest"]
        for end in ends
        if end["rest"] in numbered or (end["separator"] != "-" and not _identifies(end["rest"]))
    )
    return list(words) if len(words) > 1 and max(words.values()) > 1 else []


def slices_alone(cases: Iterable[str]) -> bool:
    """Whether all names are those of slices without a word about a patient, such as slice_001."""
    return all(map(_SLICE_ALONE.fullmatch, cases))


def _tokens(name: str) -> list[str]:
    return re.split(f"[{_SEPARATORS}]+", name)


def _identifies(name: str) -> bool:
    """Whether a name may be a patient's: it is a letter, or has a number, or a hash that happens to have none."""
    if any(map(str.isdigit, name)) or (len(name) == 1 and name.isalpha()):
        return True
    return any(_LETTERS_OF_A_HASH.fullmatch(token) for token in _tokens(name))


def _before(mark: re.Pattern[str], name: str) -> str | None:
    """What stands before the first mark that a patient's name stands before."""
    for match in mark.finditer(name):
        if _identifies(rest := name[: match.start()].rstrip(_SEPARATORS)):
            return rest
    return None


def _without_shared_words(names: Iterable[str]) -> dict[str, str]:
    """Names without words at their end, as long as no more words than patients are told apart by that."""
    shortened = {name: name for name in names}
    while True:
        matches = {name: _WORD_AT_END.fullmatch(text) for name, text in shortened.items()}
        found = {name: match for name, match in matches.items() if match and _is_shared(match)}
        words = {match["tail"] for match in found.values()}
        rests = {match["rest"] for match in found.values()}
        if not found or len(words) > len(rests):
            return shortened
        shortened |= {name: match["rest"] for name, match in found.items()}


def _is_shared(match: re.Match[str]) -> bool:
    return _identifies(match["rest"]) and not _NUMBERED_PATIENT.fullmatch(match["tail"])


def _number_at_end(name: str) -> re.Match[str] | None:
    match = _NUMBER_AT_END.fullmatch(name)
    return None if match and match["separator"] == "." and _PART_OF_UID.fullmatch(match["rest"]) else match


def _without_last_number(name: str) -> str | None:
    match = _number_at_end(name)
    if match is None:
        match = _HASH_AT_END.fullmatch(name)
        if match is None or not _NUMBER_OR_HASH.fullmatch(_tokens(match["rest"])[-1]):
            return None
    return match["rest"] if _identifies(match["rest"]) else None


def _dataset_names(cuts: Iterable[str | None]) -> set[str]:
    """What is left of all names, if it is the same and no part of it is by itself a number or a numbered patient."""
    found = set(cuts)
    name = next(iter(found), None)
    if len(found) != 1 or name is None:
        return set()
    patient = any(_NUMBER_OR_HASH.fullmatch(token) or _NUMBERED_PATIENT.fullmatch(token) for token in _tokens(name))
    return set() if patient else {name}


def _numbered_hospitals(ends: Iterable[re.Match[str]]) -> set[str]:
    """Words with a number that stand where other names have words without, as R01 in R01-001 beside AMC-001."""
    rests = {end["rest"] for end in ends}
    if all(map(_identifies, rests)):
        return set()
    return {rest for rest in rests if _NUMBERED_WORD.fullmatch(rest) and not _NUMBERED_PATIENT.fullmatch(rest)}


def _sparsely_numbered(ends: Iterable[re.Match[str]]) -> set[str]:
    """What stands before last numbers that are joined by a dash and are no series, as hospitals in TCGA-02-0006.

    Numbers of slices, studies or visits follow one another; over all such names more than half of those between the
    lowest and the highest occur.
    """
    numbers: dict[str, list[int]] = defaultdict(list)
    for end in ends:
        if end["separator"] == "-":
            numbers[end["rest"]].append(int(end["tail"]))
    several = [values for values in numbers.values() if len(values) > 1]
    span = sum(max(values) - min(values) + 1 for values in several)
    return set(numbers) if 2 * sum(map(len, several)) <= span else set()
