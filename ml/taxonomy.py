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

BY_CODE = {entry.code: entry for entry in CLASSES}
BY_LABEL = {entry.label: entry for entry in CLASSES}

# the seven classes of HAM10000, in the order of a model's outputs
HAM10000 = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")


def malignancy_probability(probabilities: dict[str, float]) -> float:
    """Sum of the probabilities of the malignant classes; keys are codes or labels."""
    total = 0.0
    for key, probability in probabilities.items():
        entry = BY_CODE.get(key) or BY_LABEL[key]
        total += probability if entry.malignant else 0.0
    return min(total, 1.0)
