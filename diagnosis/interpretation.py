"""From probabilities to what a doctor reads: risk, prediction set, recommendation, warnings.

Pure functions of a prediction, the thresholds of its model version and the facts of the image:
the same prediction always reads the same, so none of this is stored.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ml.taxonomy import BY_ANSWER, DiagnosisClass

LABEL_NAMES = {
    "melanoma": gettext_lazy("Melanoma"),
    "squamous_cell_carcinoma": gettext_lazy("Squamous cell carcinoma"),
    "basal_cell_carcinoma": gettext_lazy("Basal cell carcinoma"),
    "actinic_keratosis": gettext_lazy("Actinic keratosis or Bowen's disease"),
    "nevus": gettext_lazy("Nevus"),
    "seborrheic_keratosis": gettext_lazy("Seborrheic keratosis"),
    "pigmented_benign_keratosis": gettext_lazy("Pigmented benign keratosis"),
    "dermatofibroma": gettext_lazy("Dermatofibroma"),
    "vascular_lesion": gettext_lazy("Vascular lesion"),
    "malignant_lesion": gettext_lazy("Malignant lesion"),
    "benign_lesion": gettext_lazy("Benign lesion"),
}
# what only a model answers
GROUP_NAMES = {"not_melanoma": gettext_lazy("Not a melanoma")}
# what a person chooses from: a lesion that is of none of the classes is one of these
CHOICES = LABEL_NAMES | {
    "malignant_lesion": gettext_lazy("Another malignant lesion (notes say which)"),
    "benign_lesion": gettext_lazy("Another benign lesion (notes say which)"),
}

WARNING_MESSAGES = {
    "blurred": gettext_lazy("The picture is blurred. Take it again with the lens in focus."),
    "too_dark": gettext_lazy("The picture is too dark. Take it again with more light."),
    "too_bright": gettext_lazy("The picture is overexposed. Take it again with less light."),
    "lesion_small": gettext_lazy("The lesion is small in the frame. Take the picture closer."),
    "hairy": gettext_lazy(
        "Much hair is in the picture. Part or wet the hair, and take the picture again."
    ),
    "ruler": gettext_lazy(
        "A ruler or scale is in the picture. Models have taken rulers for a sign of melanoma: take "
        "the picture again without it where you do not need it for the size."
    ),
    "colourless": gettext_lazy(
        "The picture has no colours, and models read by them. Take the picture in colour."
    ),
    "cut_off": gettext_lazy(
        "The lesion seems to reach beyond what the model sees. Put the whole lesion into the "
        "middle of the picture, and take it again."
    ),
    "few_pixels": gettext_lazy("The picture has few pixels. Use the original photograph."),
    "not_dermoscopic": gettext_lazy(
        "The model reads dermoscopic images; this one is marked as another type."
    ),
    "unfamiliar": gettext_lazy(
        "The picture is unlike most that the model has seen: its answer may be worth little. "
        "Take it again, or ask a dermatologist."
    ),
    "age_outside": gettext_lazy(
        "The model is not meant for patients of this age: it has learnt from few of them. Do not "
        "rely on its answer."
    ),
    "site_outside": gettext_lazy(
        "The model is not meant for this site of the body: it has learnt from few pictures of it. "
        "Do not rely on its answer."
    ),
    "untrained": gettext_lazy("This model version has no measured quality. Do not rely on it."),
}


# what makes an answer worth little, whatever it says
DOUBTS = frozenset(
    ("colourless", "not_dermoscopic", "unfamiliar", "age_outside", "site_outside", "untrained")
)


class Risk(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


RISK_NAMES = {
    Risk.LOW: gettext_lazy("Low risk"),
    Risk.MEDIUM: gettext_lazy("Medium risk"),
    Risk.HIGH: gettext_lazy("High risk"),
}


class Action(StrEnum):
    """What is recommended, by rising malignancy."""

    NONE = "none"
    MONITOR = "monitor"
    DERMATOLOGIST = "dermatologist"
    URGENT = "urgent"


ACTION_WORDS = {
    Action.NONE: gettext_lazy("Likely benign. No action needed."),
    Action.MONITOR: gettext_lazy("Likely benign. Monitor as usual."),
    Action.DERMATOLOGIST: gettext_lazy(
        "Not clearly benign. A dermatologist should look at this lesion."
    ),
    Action.URGENT: gettext_lazy("Suspicious. Refer urgently to a dermatologist, or excise."),
}


@dataclass(frozen=True)
class RankedClass:
    label: str
    name: str
    probability: float
    malignant: bool


@dataclass(frozen=True)
class Warning:
    code: str
    message: str


@dataclass(frozen=True)
class Interpretation:
    """How one prediction reads. ``prediction_set`` and ``ranked`` hold the likeliest first;
    ``doubtful`` says that a warning stands against the answer itself."""

    risk: Risk
    risk_name: str
    prediction_set: list[str]
    uncertain: bool
    doubtful: bool
    recommendation: str
    ranked: list[RankedClass]


def label_name(label: str) -> str:
    """The class in the user's language."""
    return str((LABEL_NAMES | GROUP_NAMES)[label])


def interpret(
    probabilities: Mapping[str, float],
    malignancy: float,
    thresholds: Mapping[str, Any],
    warnings: Iterable[Warning] = (),
) -> Interpretation:
    """Read a prediction with the thresholds of its model version (see ml/manifest.py).

    Nothing is called benign where ``warnings`` (see ``warnings_for``) say that the model does not
    know such a picture.

    A hospital's bands may stand in their place, with ``malignancy_monitor`` and ``words`` beside
    them (see diagnosis/models/settings.py).
    """
    ranked = rank(probabilities)
    members = [entry.label for entry in ranked if is_member(entry, thresholds)]
    # an empty set says that no class is likely enough: as uncertain as a set of several
    inside, sure = members or [ranked[0].label], len(members) == 1
    risk = risk_of(malignancy, ranked[0].malignant, thresholds)
    doubtful = any(warning.code in DOUBTS for warning in warnings)
    return Interpretation(
        risk=risk,
        risk_name=str(RISK_NAMES[risk]),
        prediction_set=inside,
        uncertain=not sure,
        doubtful=doubtful,
        recommendation=recommendation(
            risk,
            uncertain=not sure,
            doubtful=doubtful,
            likeliest=ranked[0].label,
            benign=malignancy < thresholds.get("malignancy_monitor", 0),
            words=thresholds.get("words", {}),
        ),
        ranked=ranked,
    )


def is_member(entry: RankedClass, thresholds: Mapping[str, Any]) -> bool:
    """Whether the class is in the prediction set; malignant classes may have a limit of theirs."""
    limit = thresholds["prediction_set"]
    if entry.malignant:
        limit = thresholds.get("prediction_set_malignant", limit)
    return bool(entry.probability >= limit)


def rank(probabilities: Mapping[str, float]) -> list[RankedClass]:
    """Likeliest first; of two that are equally likely, the more severe."""

    def place(item: tuple[DiagnosisClass, float]) -> tuple[float, int]:
        return -item[1], -item[0].severity

    known = [(BY_ANSWER[label], probability) for label, probability in probabilities.items()]
    return [
        RankedClass(entry.label, label_name(entry.label), probability, entry.malignant)
        for entry, probability in sorted(known, key=place)
    ]


def risk_of(malignancy: float, malignant: bool, thresholds: Mapping[str, Any]) -> Risk:
    """The band of the malignancy probability; never low where a malignant class is likeliest."""
    if malignancy >= thresholds["malignancy_high"]:
        return Risk.HIGH
    if malignancy >= thresholds["malignancy_medium"] or malignant:
        return Risk.MEDIUM
    return Risk.LOW


def recommendation(
    risk: Risk,
    *,
    uncertain: bool,
    doubtful: bool = False,
    likeliest: str = "",
    benign: bool = False,
    words: Mapping[Action, str] = {},
) -> str:
    """The action's sentence, in the hospital's own ``words`` where it has set some."""
    if risk is Risk.LOW and (uncertain or doubtful):
        why = _("Do not rely on this reading.") if doubtful else _("Uncertain.")
        own = words.get(Action.DERMATOLOGIST)
        return why + " " + (own or _("A dermatologist should look at this lesion."))
    action = action_of(risk, benign=benign)
    if action in (Action.NONE, Action.MONITOR) and likeliest == "not_melanoma":
        # a model of melanoma alone says nothing of other cancers, whatever the hospital's words
        return _("Melanoma is unlikely. The model does not look for other cancers.")
    return words.get(action) or str(ACTION_WORDS[action])


def action_of(risk: Risk, *, benign: bool) -> Action:
    if risk is Risk.HIGH:
        return Action.URGENT
    if risk is Risk.MEDIUM:
        return Action.DERMATOLOGIST
    return Action.NONE if benign else Action.MONITOR


def warnings_for(
    *,
    quality: Mapping[str, Any],
    image_type: str,
    manifest: Mapping[str, Any],
    age: int | None = None,
    site: str | None = None,
    outlier_score: float | None = None,
    edge_share: float | None = None,
) -> list[Warning]:
    """What is wrong with the picture or with using this model on it.

    ``age`` in years and ``site`` (clinic.vocabulary.AnatomSite) are None where not recorded,
    ``outlier_score`` and ``edge_share`` (see Prediction) where the model cannot tell.
    """
    codes = [code for code in quality.get("warnings", []) if code in WARNING_MESSAGES]
    if is_above(edge_share, manifest.get("outline", {}).get("cut_off")):
        codes.append("cut_off")
    if image_type != "dermoscopic":
        codes.append("not_dermoscopic")
    wanted = manifest.get("intended_range", {})
    if age is not None and age < wanted.get("age_from", 0):
        codes.append("age_outside")
    if site in wanted.get("sites_outside", []):
        codes.append("site_outside")
    if is_above(outlier_score, manifest.get("refusal", {}).get("unfamiliar")):
        codes.append("unfamiliar")
    if not manifest.get("metrics"):
        codes.append("untrained")
    return [Warning(code, str(WARNING_MESSAGES[code])) for code in codes]


def is_above(figure: float | None, limit: float | None) -> bool:
    """Whether a model that gives the figure, and has a limit for it, gave more."""
    return figure is not None and limit is not None and figure > limit
