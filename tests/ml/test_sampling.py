"""What an epoch draws."""

from pathlib import Path

import pytest
import torch

from ml.config import Sampling
from ml.data.samples import Sample
from ml.errors import DataError
from ml.sampling import build_sampler, drawn_shares

CLASSES = ("mel", "nv")


def patients(count, images, label_of):
    return [
        Sample(Path(f"{p}_{i}.png"), label_of(p, i), f"p{p}")
        for p in range(count)
        for i in range(images)
    ]


def sampler(config, samples):
    labels = torch.tensor([CLASSES.index(sample.label) for sample in samples])
    return build_sampler(config, samples, labels, CLASSES)


def test_weighted_goes_from_natural_to_equal():
    labels = torch.tensor([0] * 90 + [1] * 10)
    assert drawn_shares(labels, CLASSES, 0.0).tolist() == pytest.approx([0.9, 0.1])
    assert drawn_shares(labels, CLASSES, 0.5).tolist() == pytest.approx([0.75, 0.25])
    assert drawn_shares(labels, CLASSES, 1.0).tolist() == pytest.approx([0.5, 0.5])


def test_weighted_draws_what_it_says():
    samples = patients(100, 1, lambda p, i: "mel" if p < 10 else "nv")
    draw, shares = sampler(Sampling(balance=1.0), samples)
    batches = draw(50, 64, torch.Generator().manual_seed(0))
    assert [len(batch) for batch in batches] == [64] * 50
    melanomas = (torch.cat(batches) < 10).float().mean()
    assert float(melanomas) == pytest.approx(float(shares[0]), abs=0.03)


def test_contextual_draws_whole_patients_half_of_them_positive():
    # 3 of 30 patients have one melanoma among six images
    samples = patients(30, 6, lambda p, i: "mel" if p < 3 and i == 0 else "nv")
    draw, shares = sampler(Sampling("contextual", per_patient=4), samples)
    for batch in draw(20, 32, torch.Generator().manual_seed(0)):
        groups = [samples[i].group for i in batch.tolist()]
        drawn = [groups[k] for k in range(0, 32, 4)]
        assert groups == [group for group in drawn for _ in range(4)]
        assert sum(group in ("p0", "p1", "p2") for group in drawn) == 4
        labels = [samples[i].label for i in batch.tolist()]
        assert labels.count("mel") == 4  # the melanoma of each positive patient is shown
    assert float(shares[0]) == pytest.approx(1 / 8, abs=0.01)


@pytest.mark.parametrize("size", [4, 8, 10, 12])
def test_contextual_draws_as_many_positive_patients_from_small_batches(size):
    samples = patients(30, 6, lambda p, i: "mel" if p < 3 and i == 0 else "nv")
    draw, _ = sampler(Sampling("contextual", per_patient=4), samples)
    batches = draw(40, size, torch.Generator().manual_seed(0))
    assert {len(batch) for batch in batches} == {size}
    positive = torch.cat(batches) < 18  # images of the first three patients
    assert float(positive.float().mean()) == pytest.approx(0.5, abs=0.01)


def test_contextual_repeats_with_its_seed_and_fills_up_small_patients():
    samples = patients(4, 2, lambda p, i: "mel" if p == 0 else "nv")
    draw, _ = sampler(Sampling("contextual", per_patient=4), samples)
    first, second = (draw(3, 8, torch.Generator().manual_seed(5)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert all(len(batch) == 8 for batch in first)


def test_contextual_needs_both_kinds_of_patient():
    samples = patients(4, 2, lambda p, i: ("mel", "nv")[i])
    with pytest.raises(DataError, match="with and without"):
        sampler(Sampling("contextual"), samples)


def test_a_class_without_images_is_named():
    samples = patients(3, 1, lambda p, i: "nv")
    with pytest.raises(DataError, match="one class only"):
        sampler(Sampling(), samples)
    with pytest.raises(DataError, match="none of: bcc"):
        drawn_shares(torch.tensor([0, 1]), ("mel", "nv", "bcc"), 0.5)
