"""What the card of a model says that it cannot do, as far as its data and its parts tell."""

from __future__ import annotations

from collections.abc import Sequence

from ml.data.samples import Sample


def state_limits(name: str, measured: Sequence[Sample], refuses: bool) -> list[str]:
    """The manifest's ``limits`` of a model that was trained on the data set ``name``.

    ``measured`` are the samples of its test part; ``refuses`` says whether it has statistics to
    refuse by.
    """
    refusal = (
        "It refuses most pictures that are no lesion, not all of them."
        if refuses
        else "It refuses nothing: there were too few lesions to learn what is none."
    )
    limits = [
        f"Trained and measured on {name} alone; other cameras and clinics were not measured.",
        f"It knows only its own classes. {refusal}",
        "Probabilities lie between those of the data's mix and of a world in which all classes are "
        "equally common (see Calibration); another clinic's mix is another one.",
        "The part for testing is of the same source as that for training; expect less elsewhere.",
    ]
    if not any(sample.attributes.get("skin_type") for sample in measured):
        limits.insert(
            1, "Skin type is not recorded in the data: how well it reads dark skin is unknown."
        )
    return limits
