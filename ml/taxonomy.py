"""The classes that a model can give, and what is common to all of them.

This module imports nothing outside the standard library, so that the web process may read it
without loading torch.

Codes are the file codes of HAM10000 (Tschandl et al., Scientific Data 5:180161, 2018) and of the
ISIC 2019 challenge (lower case); labels are the words that the API speaks.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class DiagnosisClass:
    """One diagnosis.

    ``severity`` orders classes by how much harm a missed one does (0 none, 3 most); pages list the
    more severe one first where two classes nearly tie.
    """

    code: str
    label: str
    name: str
    malignant: bool
    severity: int


# actinic keratosis is premalignant (the ISIC archive files it under "Indeterminate"). It counts as
# malignant here because HAM10000's akiec also holds Bowen's disease, a carcinoma in situ, and
# because both need a doctor to act.
CLASSES = (
    DiagnosisClass("mel", "melanoma", "Melanoma", True, 3),
    DiagnosisClass("scc", "squamous_cell_carcinoma", "Squamous cell carcinoma", True, 3),
    DiagnosisClass("bcc", "basal_cell_carcinoma", "Basal cell carcinoma", True, 2),
    DiagnosisClass("akiec", "actinic_keratosis", "Actinic keratosis or Bowen's disease", True, 2),
    DiagnosisClass("nv", "nevus", "Nevus", False, 1),
    DiagnosisClass("sk", "seborrheic_keratosis", "Seborrheic keratosis", False, 0),
    DiagnosisClass("bkl", "pigmented_benign_keratosis", "Pigmented benign keratosis", False, 0),
    DiagnosisClass("df", "dermatofibroma", "Dermatofibroma", False, 0),
    DiagnosisClass("vasc", "vascular_lesion", "Vascular lesion", False, 0),
)

# what a model answers that only tells two kinds apart, and what a person says of a lesion that is
# of none of the classes: the notes say which
KINDS = (
    DiagnosisClass("malignant", "malignant_lesion", "Malignant lesion", True, 3),
    DiagnosisClass("benign", "benign_lesion", "Benign lesion", False, 0),
)
GROUPS = (
    *KINDS,
    # a carcinoma may be among them, so a low answer is no all-clear; no doctor concludes it
    DiagnosisClass("not_mel", "not_melanoma", "Not a melanoma", False, 0),
)
ANSWERS = CLASSES + GROUPS

BY_CODE = {entry.code: entry for entry in ANSWERS}
# what a doctor may conclude, and a pathologist find
BY_LABEL = {entry.label: entry for entry in CLASSES + KINDS}
BY_ANSWER = {entry.label: entry for entry in ANSWERS}  # what a model may answer

# class sets, each in the order of a model's outputs
HAM10000 = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
ISIC2019 = ("mel", "nv", "bcc", "akiec", "bkl", "df", "vasc", "scc")
MELANOMA_OR_NOT = ("not_mel", "mel")
MALIGNANT_OR_NOT = ("benign", "malignant")
CLASS_SETS = {
    "ham10000": HAM10000,
    "isic2019": ISIC2019,
    "melanoma": MELANOMA_OR_NOT,
    "malignant": MALIGNANT_OR_NOT,
}


def fold(code: str, classes: tuple[str, ...]) -> str:
    """The class among ``classes`` that a diagnosis belongs to; its own code where there is none.

    "bcc" is malignant to a model that tells malignant from benign, and no melanoma to one that
    tells only these. A seborrheic keratosis is one of HAM10000's pigmented benign keratoses.
    """
    if code in classes or code not in BY_CODE:
        return code
    kind = "malignant" if BY_CODE[code].malignant else "benign"
    # "not a melanoma" may be benign or not, and what is malignant a melanoma or not
    known = [] if code in ("not_mel", "malignant") else [kind, "not_mel"]
    known += ["bkl"] if code == "sk" else []
    return next((group for group in known if group in classes), code)


def malignancy_probability(probabilities: dict[str, float]) -> float:
    """Sum of the probabilities of the malignant classes; keys are codes or labels."""
    total = 0.0
    for key, probability in probabilities.items():
        entry = BY_CODE.get(key) or BY_ANSWER[key]
        total += probability if entry.malignant else 0.0
    return min(total, 1.0)
