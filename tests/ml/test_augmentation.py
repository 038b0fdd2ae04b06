"""Augmentations change what they say, by as much as they say, and repeat."""

from dataclasses import replace

import pytest
import torch
from PIL import Image

from ml.augmentation import augment, to_canvas
from ml.augmentation.corruption import blur
from ml.augmentation.drawing import hair_mask, ruler_mask
from ml.augmentation.geometry import follow
from ml.augmentation.mixing import cutmix, mix, mixup
from ml.config import Augmentation, Preprocessing
from ml.preprocessing import prepare
from tests.ml.one_device import APART, OneDevice

SIZE = Preprocessing(size=32)
STILL = Augmentation(
    (1.0, 1.0), 0.0, 0.0, 0.0, False, False, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
)  # nothing moves, nothing changes colour


@pytest.fixture
def canvas():
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(6, 3, 9, 12, generator=generator) * 255
    return torch.nn.functional.interpolate(coarse, (36, 48), mode="bilinear").byte()


def run(canvas, config, seed=5):
    return augment(canvas, SIZE, config, torch.Generator().manual_seed(seed))[0]


EACH = {
    "rotation": 90.0,
    "quarter_turns": True,
    "flip": True,
    "scale": (0.5, 2.0),
    "stretch": 0.3,
    "shift": 0.2,
    "elastic": 2.0,
    "grid": 0.3,
    "brightness": 0.3,
    "contrast": 0.5,
    "saturation": 0.5,
    "hue": 0.1,
    "white_balance": 0.3,
    "blur": 2.0,
    "noise": 0.1,
    "hair_share": 1.0,
    "ruler_share": 1.0,
    "dropout_share": 1.0,
}


@pytest.mark.parametrize("name", EACH)
def test_each_changes_the_picture_and_repeats(canvas, name):
    config = replace(STILL, **{name: EACH[name]})
    changed = run(canvas, config)
    assert changed.shape == (6, 3, 32, 32)
    assert changed.isfinite().all()
    assert changed.abs().max() <= 1.01  # bytes stay bytes
    assert not torch.allclose(changed, run(canvas, STILL), atol=1e-2)
    assert torch.equal(changed, run(canvas, config))
    assert not torch.equal(changed, run(canvas, config, seed=6))


@pytest.mark.parametrize("name", [*EACH, "mixup_share", "cutmix_share"])
def test_the_pixels_stay_on_their_device(canvas, name):
    config = replace(STILL, mixup=0.4, **({"mixup_share": 0.0} | {name: EACH.get(name, 1.0)}))
    generator = torch.Generator().manual_seed(0)
    pixels, targets = canvas.to(APART), torch.empty(6, 7, device=APART)
    with OneDevice():
        images, grid = augment(pixels, SIZE, config, generator)
        images, targets, _ = mix(images, targets, config, generator)
        masks = follow(torch.empty(6, 18, 24, device=APART), grid, (4, 4))
    assert {x.device for x in (images, targets, grid, masks)} == {APART}
    assert (images.shape, masks.shape) == ((6, 3, 32, 32), (6, 4, 4))


def test_without_change_it_is_preprocessing():
    canvas = torch.full((4, 3, 36, 48), 128, dtype=torch.uint8)
    expected = torch.full((4, 3, 32, 32), (128 / 255 - 0.5) / 0.5)
    assert torch.allclose(run(canvas, STILL), expected, atol=1e-3)


def test_a_wide_view_is_preprocessing_too(photograph):
    """Without change, what is learnt from is what is read, margins and all."""
    config = Preprocessing(size=32, resize="whole", aspect=4 / 3)
    smooth = photograph.resize((5, 4)).resize((60, 50), Image.Resampling.BICUBIC)
    canvas = torch.from_numpy(to_canvas(smooth, config)).permute(2, 0, 1)[None]
    seen, grid = augment(canvas, config, STILL, torch.Generator().manual_seed(0))
    read = prepare(smooth, config)
    assert seen.shape[1:] == read.shape == (3, 32, 43)
    assert grid.shape == (1, 32, 43, 2)
    assert float((seen[0] - read).abs().mean()) < 0.05


def test_quarter_turns_and_flips_give_the_eight_views(canvas):
    square = canvas[:1, :, :, 6:42].repeat(200, 1, 1, 1)
    views = run(square, replace(STILL, quarter_turns=True, flip=True))
    plain = run(square[:1], STILL)[0]
    turned = [plain.rot90(k, (1, 2)) for k in range(4)]
    expected = torch.stack(turned + [view.flip(2) for view in turned])  # (8, 3, 32, 32)
    distance = (views[:, None] - expected[None]).abs().amax((2, 3, 4))  # (200, 8)
    assert distance.min(1).values.max() < 1e-3
    assert len(distance.argmin(1).unique()) == 8


def test_blur_keeps_the_mean_and_smooths(canvas):
    noisy = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 255
    smooth = blur(noisy, 3.0, torch.Generator().manual_seed(0))
    assert torch.allclose(smooth.mean(), noisy.mean(), rtol=0.02)
    assert (smooth.std((1, 2, 3)) < noisy.std((1, 2, 3))).all()


def test_dropout_hides_its_share_of_the_images(canvas):
    many = canvas[:1].repeat(400, 1, 1, 1)
    changed = run(many, replace(STILL, dropout_share=0.25)) - run(many, STILL)
    hit = (changed.abs().amax((1, 2, 3)) > 1e-3).float().mean()
    assert float(hit) == pytest.approx(0.25, abs=0.07)


def test_hairs_are_thin_and_rulers_have_ticks():
    generator = torch.Generator().manual_seed(0)
    hairs, rulers = (mask(16, torch.Size((64, 80)), generator) for mask in (hair_mask, ruler_mask))
    for mask in (hairs, rulers):
        assert mask.shape == (16, 64, 80)
        assert 0 <= float(mask.min()) <= float(mask.max()) <= 1
        assert 0.002 < float(mask.mean()) < 0.25


def test_mixup_keeps_targets_distributions():
    targets = torch.eye(4)
    images, mixed = mixup(torch.randn(4, 3, 8, 8), targets, 0.4, torch.Generator().manual_seed(0))
    assert images.shape == (4, 3, 8, 8)
    assert torch.allclose(mixed.sum(1), torch.ones(4))
    assert (mixed.argmax(1) == targets.argmax(1)).all()


def test_a_small_alpha_blends_little():
    generator, halves = torch.Generator().manual_seed(0), 0
    for _ in range(400):
        _, mixed = mixup(torch.zeros(2, 3, 1, 1), torch.eye(2), 0.05, generator)
        halves += bool((mixed.max() < 0.9) & (mixed.max() < 1))
    assert 0 < halves < 80


def test_cutmix_shares_targets_by_area():
    """Each picture is of one value, so that its places can be counted."""
    images = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 3, 20, 30)
    for seed in range(10):
        blend, mixed = cutmix(images, torch.eye(4), torch.Generator().manual_seed(seed))
        assert torch.allclose(mixed.sum(1), torch.ones(4))
        for place in range(4):
            for value in range(4):
                share = (blend[place, 0] == value).float().mean()
                assert share == pytest.approx(float(mixed[place, value]), abs=1e-6)
    assert (images[0] == 0).all()  # what it was given is left


def test_batches_are_blended_in_their_shares():
    config = replace(STILL, mixup=0.4, mixup_share=0.3, cutmix_share=0.2)
    generator = torch.Generator().manual_seed(0)
    images, targets = torch.randn(4, 3, 8, 8), torch.eye(4)
    results = [mix(images, targets, config, generator) for _ in range(400)]
    blended = [found for found in results if found[2]]
    assert len(blended) / 400 == pytest.approx(0.5, abs=0.07)
    assert all(found[0] is images and found[1] is targets for found in results if not found[2])
    assert not any(mix(images, targets, STILL, generator)[2] for _ in range(20))


def test_a_large_canvas_gives_small_squares(canvas):
    """All of it is still seen: a network begins with smaller squares of the same pictures."""
    small = Preprocessing(size=16)
    coarse, _ = augment(canvas, small, STILL, torch.Generator())
    fine = run(canvas, STILL)
    assert coarse.shape == (6, 3, 16, 16)
    away = coarse - torch.nn.functional.avg_pool2d(fine, 2)
    assert away.abs().mean() < 0.05 < fine.std() / 4
