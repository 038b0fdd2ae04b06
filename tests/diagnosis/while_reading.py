"""What tests of the reader look at, and how they step in while a model computes."""

from collections.abc import Callable
from unittest import mock

import torch

from diagnosis.models import DiagnosisRequest, Status
from ml.patients import Others
from ml.predictor import Answer, Predictor

READ, WAITS = (Status.SUCCEEDED, 1), (Status.QUEUED, 0)


def states() -> list[tuple[str, int]]:
    """State and attempts of each request, in the order in which they were made."""
    rows = DiagnosisRequest.objects.order_by("created_at", "id")
    return list(rows.values_list("status", "attempts"))


def while_it_computes(act: Callable[[], object]) -> mock._patch:
    """Do something in the middle of every batch."""
    compute = Predictor.read

    def read(self: Predictor, batch: torch.Tensor, others: Others | None) -> Answer:
        act()
        return compute(self, batch)

    return mock.patch.object(Predictor, "read", read)
