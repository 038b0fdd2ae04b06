"""The words that archives use for a diagnosis, and the class codes that they mean.

HIERARCHY is the ISIC archive's current vocabulary: a diagnosis is a path whose parts are joined by
colons, and the longest beginning decides. WORDS are those of its older column ``diagnosis`` and of
the ISIC 2020 challenge. A diagnosis known only as benign or malignant gets that as its class.
"""

from __future__ import annotations

from ml import taxonomy

_BENIGN_EPIDERMAL = "benign:benign epidermal proliferations"
_FOLLICULAR = "malignant:malignant adnexal epithelial proliferations - follicular"

HIERARCHY = {
    "benign": "benign",
    "malignant": "malignant",
    "malignant:malignant melanocytic proliferations (melanoma)": "mel",
    "benign:benign melanocytic proliferations": "nv",
    f"{_FOLLICULAR}:basal cell carcinoma": "bcc",
    "malignant:malignant epidermal proliferations:squamous cell carcinoma, invasive": "scc",
    "malignant:malignant epidermal proliferations:squamous cell carcinoma, nos": "scc",
    # Bowen's disease stands with actinic keratosis in akiec, as in HAM10000
    "malignant:malignant epidermal proliferations:squamous cell carcinoma in situ": "akiec",
    "indeterminate:indeterminate epidermal proliferations:solar or actinic keratosis": "akiec",
    "indeterminate:indeterminate epidermal proliferations:squamous cell carcinoma in situ": "akiec",
    f"{_BENIGN_EPIDERMAL}:pigmented benign keratosis": "bkl",
    f"{_BENIGN_EPIDERMAL}:solar lentigo": "bkl",
    f"{_BENIGN_EPIDERMAL}:lichen planus like keratosis": "bkl",
    f"{_BENIGN_EPIDERMAL}:seborrheic keratosis": "sk",
    "benign:benign soft tissue proliferations - fibro-histiocytic:dermatofibroma": "df",
    "benign:benign soft tissue proliferations - vascular": "vasc",
}

WORDS = {
    "melanoma metastasis": "mel",
    "basal cell carcinoma": "bcc",
    "squamous cell carcinoma": "scc",
    "actinic keratosis": "akiec",
    "seborrheic keratosis": "sk",
    "pigmented benign keratosis": "bkl",
    "solar lentigo": "bkl",
    "lichenoid keratosis": "bkl",
    "lentigo nos": "benign",
    "lentigo simplex": "benign",
    "cafe-au-lait macule": "benign",
    "angiofibroma or fibrous papule": "benign",
    "atypical melanocytic proliferation": "",
    "vascular lesion": "vasc",
    "angioma": "vasc",
}


def code_of(diagnosis: str, benign_malignant: str = "") -> str:
    """The class code of a diagnosis in any of these vocabularies; "" where it means none.

    ``benign_malignant`` is asked where the diagnosis itself says nothing ("", "unknown").
    """
    key = diagnosis.strip().lower()
    if key in WORDS:
        return WORDS[key]
    entry = taxonomy.BY_CODE.get(key) or taxonomy.BY_LABEL.get(key)
    if entry is not None:
        return entry.code
    parts = key.split(":")
    for length in range(len(parts), 0, -1):
        code = HIERARCHY.get(":".join(parts[:length]))
        if code is not None:
            return code
    kind = benign_malignant.strip().lower()
    return kind if key in ("", "unknown") and kind in ("benign", "malignant") else ""
