"""How AI and doctors did where a pathologist had the last word."""

from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

from diagnosis.models import Status
from diagnosis.models.requests import DiagnosisRequestQuerySet
from diagnosis.services.shares import Share
from ml.taxonomy import BY_ANSWER

AI, DOCTOR = 0, 1  # the opinions, by their place in ``Confirmed.counts``


@dataclass
class Confirmed:
    """``counts`` counts lesions by (the AI's class, the doctor's signed one or "", the finding of
    the newest histopathology)."""

    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def same(self, opinion: int) -> Share:
        """Of the lesions with that ``opinion``, how many have the finding's class."""
        held = {key: n for key, n in self.counts.items() if key[opinion]}
        return Share(
            sum(n for key, n in held.items() if key[opinion] == key[2]), sum(held.values())
        )

    def found(self, opinion: int) -> Share:
        """Of malignant findings, how many the ``opinion`` called malignant, whatever the class."""
        held = {
            key: n for key, n in self.counts.items() if key[opinion] and BY_ANSWER[key[2]].malignant
        }
        right = sum(n for key, n in held.items() if BY_ANSWER[key[opinion]].malignant)
        return Share(right, sum(held.values()))


def confirmed(rows: DiagnosisRequestQuerySet) -> Confirmed:
    """Over the lesions with a finding, each once; one query over the answered orders of these.

    The AI's opinion of a lesion is that of its newest answer, the doctor's the newest signed one.
    """
    answered = rows.filter(status=Status.SUCCEEDED, finding__isnull=False)
    newest_first = answered.order_by("-created_at", "id")
    opinions: dict[UUID, tuple[str, str, str]] = {}
    for lesion, label, said, finding in newest_first.values_list(
        "image__lesion", "label", "conclusion", "finding"
    ):
        ai, doctor, newest = opinions.get(lesion, (label, "", finding or ""))
        opinions[lesion] = ai, doctor or said, newest
    return Confirmed(Counter(opinions.values()))
