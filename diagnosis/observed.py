"""How sure a figure of malignancy is: what pictures with about the same figure turned out to be."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from diagnosis.services.shares import Share


@dataclass(frozen=True)
class Observed:
    """Of the test pictures with a malignancy from ``least`` to ``largest``, the malignant ones."""

    least: float
    largest: float
    share: Share


def observed(manifest: Mapping[str, Any], malignancy: float) -> Observed | None:
    """The tenth of the model's test part that ``malignancy`` falls into (see ml.curves.tenths);
    None for a model that was measured without."""
    tenths = manifest.get("metrics", {}).get("curves", {}).get("malignancy", [])
    if not tenths:
        return None
    found = [tenth for tenth in tenths if tenth["least"] <= malignancy] or tenths[:1]
    last = found[-1]
    return Observed(last["least"], last["largest"], Share(last["malignant"], last["images"]))
