"""How AI and doctors did where a pathologist had the last word."""

from collections import Counter
from dataclasses import dataclass, field

from django.db.models import Count, OuterRef, Subquery

from diagnosis.models import Histopathology, Status
from diagnosis.models.requests import DiagnosisRequestQuerySet
from diagnosis.services.scorecard import Share
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
    """Over the orders of lesions with a finding; one query."""
    newest = Histopathology.objects.filter(lesion=OuterRef("image__lesion"))
    groups = (
        rows.order_by()
        .filter(status=Status.SUCCEEDED, image__lesion__in=Histopathology.objects.values("lesion"))
        .annotate(finding=Subquery(newest.order_by("-created_at", "id").values("diagnosis")[:1]))
        .values_list("label", "conclusion", "finding")
        .annotate(n=Count("pk"))
    )
    return Confirmed(Counter({(label, said, finding): n for label, said, finding, n in groups}))
