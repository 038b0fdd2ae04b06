"""How AI and doctors did where a pathologist had the last word."""

from collections import Counter
from dataclasses import dataclass, field

from django.db.models import Count

from diagnosis.models import Status
from diagnosis.models.requests import DiagnosisRequestQuerySet
from diagnosis.services.shares import Share
from ml.taxonomy import BY_ANSWER

AI, DOCTOR = 0, 1  # the opinions, by their place in ``Confirmed.counts``


@dataclass
class Confirmed:
    """``counts`` counts answered orders by (the AI's class, the doctor's signed one or "", the
    finding of the lesion's newest histopathology)."""

    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def same(self, opinion: int) -> Share:
        """Of the orders with that ``opinion``, how many have the finding's class."""
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
    """Over the orders of lesions with a finding; one query over the index of the report."""
    groups = (
        rows.order_by()
        .filter(status=Status.SUCCEEDED, finding__isnull=False)
        .values_list("label", "conclusion", "finding")
        .annotate(n=Count("pk"))
    )
    return Confirmed(Counter({(label, said, finding): n for label, said, finding, n in groups}))
