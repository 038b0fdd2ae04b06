"""Heat maps lie where the answer comes from."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from ml.checkpoints import describe, save_checkpoint
from ml.classifier import build_classifier
from ml.config import Preprocessing
from ml.errors import PredictionError
from ml.explain import explain, roll_out, to_original
from ml.heads import ExtraTreesHead
from ml.painting import paint
from ml.predictor import Predictor
from ml.preprocessing import to_pixels
from ml.recipes import get_recipe, shrink


class Redness(nn.Module):
    """A backbone that sees how much redder than green each place is, and how much greener."""

    features = 2

    def forward_map(self, images):
        red, green = images[:, :1], images[:, 1:2]
        maps = torch.cat([red - green, green - red], 1).relu()
        return nn.functional.avg_pool2d(maps, 4)

    def pool(self, maps):
        return maps.mean((2, 3))

    def forward(self, images):
        return self.pool(self.forward_map(images))


@pytest.fixture
def knowing(checkpoint):
    """A model whose melanoma is red and whose nevus is green."""
    predictor = Predictor(checkpoint, "cpu")
    head = nn.Linear(2, 7)
    nn.init.zeros_(head.weight)
    with torch.no_grad():
        head.weight[predictor.manifest.classes.index("mel"), 0] = 1.0
        head.weight[predictor.manifest.classes.index("nv"), 1] = 1.0
    predictor.model.backbone, predictor.model.head = Redness(), head
    return predictor


@pytest.fixture
def picture():
    """Wider than high; red at the left of the middle square, green at its right."""
    image = Image.new("RGB", (120, 60), (90, 90, 90))
    image.paste((200, 40, 40), (34, 5, 50, 25))
    image.paste((40, 200, 40), (66, 35, 86, 55))
    return image


def centre(heat):
    rows, columns = np.indices(heat.shape)
    return (columns * heat).sum() / heat.sum(), (rows * heat).sum() / heat.sum()


def test_it_finds_what_each_class_rests_on(knowing, picture):
    for code, at in (("mel", (42, 15)), ("nv", (76, 45))):
        heat = explain(knowing, picture, code)
        assert heat.shape == (60, 120)
        assert heat.dtype == np.float32
        assert (heat.min(), heat.max()) == (0.0, 1.0)
        assert np.allclose(centre(heat), at, atol=3)


def test_what_was_cut_off_is_zero(knowing, picture):
    heat = explain(knowing, picture, "mel")
    assert not heat[:, :30].any()
    assert not heat[:, 90:].any()


def test_a_class_that_rests_on_nothing_is_dark(knowing, picture):
    assert not explain(knowing, picture, "df").any()


def test_trees_are_explained_by_occlusion(knowing, picture):
    rng = np.random.default_rng(0)
    features = rng.uniform(0, 0.5, (300, 2)).astype(np.float32)
    head = ExtraTreesHead(2, 7, trees=50, leaves=32)
    mel, df = (knowing.manifest.classes.index(code) for code in ("mel", "df"))
    head.fit(features, np.where(features[:, 0] > 0.05, mel, df))
    knowing.model.head = head
    heat = explain(knowing, picture, "mel")
    assert heat.max() == 1.0
    assert np.allclose(centre(heat), (42, 15), atol=4)


def test_attention_rolls_out_through_the_layers():
    # the class token asks token 2, which asks patch 4 (token 5) one layer below
    first, second = torch.zeros(1, 2, 10, 10), torch.zeros(1, 2, 10, 10)
    first[0, :, 2, 5] = 1.0
    second[0, :, 0, 2] = 1.0
    found = roll_out([first, second], [torch.ones_like(first)] * 2)
    expected = torch.zeros(9)
    expected[[1, 4]] = 1.0
    assert torch.equal(found.flatten(), expected)
    # a head whose attention lowered the score does not count
    down = torch.ones_like(second)
    down[:, 1] = -1
    assert torch.equal(roll_out([first, second], [torch.ones_like(first), down]), found / 2)


@pytest.mark.parametrize("name", ["vit_l32_dnn", "starter", "cae_extratrees"])
def test_every_kind_of_network_is_explained(name, tmp_path, photograph):
    recipe = shrink(get_recipe(name))
    torch.manual_seed(0)
    model = build_classifier(recipe.architecture, len(recipe.classes)).eval()
    save_checkpoint(tmp_path, model, describe(recipe, "test"))
    predictor = Predictor(tmp_path, "cpu")
    batch = predictor.prepare(photograph)[None]
    before = predictor.predict(batch)
    heats = np.stack([explain(predictor, photograph, code) for code in recipe.classes])
    assert heats.shape == (len(recipe.classes), 45, 60)
    assert np.isfinite(heats).all()
    assert 0 <= heats.min() <= heats.max() <= 1
    # the trees are not fitted yet, so nothing moves them
    assert heats.any() == (name != "cae_extratrees")
    assert np.array_equal(predictor.predict(batch), before)


def test_a_squashed_picture_is_spread_over_the_whole():
    heat = torch.zeros(8, 8)
    heat[0, 7] = 2.0
    whole = to_original(heat, (100, 50), Preprocessing(size=32, resize="squash"))
    assert whole.shape == (50, 100)
    assert whole[0, 99] == 1.0
    assert not whole[:, :75].any()


@pytest.mark.parametrize("size", [(40, 30), (60, 30), (30, 30), (30, 40), (25, 90)])
@pytest.mark.parametrize("resize", ["cover", "whole"])
def test_a_map_lies_where_the_model_saw_it(size, resize):
    """A bright spot of the picture, taken for the map, comes back to its place."""
    config = Preprocessing(size=60, resize=resize, aspect=4 / 3)
    width, height = size
    picture = np.zeros((height, width), np.uint8)
    row, column = height // 2 + 3, width // 2 - 4
    picture[row - 1 : row + 2, column - 1 : column + 2] = 255
    seen = to_pixels(Image.fromarray(picture), config)[..., 0].astype(np.float32)
    back = to_original(torch.from_numpy(seen), size, config)
    assert back.shape == (height, width)
    found = np.unravel_index(back.argmax(), back.shape)
    assert np.abs(np.array(found) - (row, column)).max() <= 1


def test_an_unknown_class_is_refused(knowing, picture):
    with pytest.raises(PredictionError, match="no class 'wart'"):
        explain(knowing, picture, "wart")


def test_a_map_may_be_smaller_than_the_picture(knowing, picture):
    whole = explain(knowing, picture, "mel")
    small = explain(knowing, picture, "mel", size=(60, 30))
    assert small.shape == (30, 60)
    assert np.allclose(np.array(centre(small)) * 2, centre(whole), atol=2)


def test_the_painted_map_is_clear_where_nothing_was_looked_at():
    heat = np.linspace(0, 1, 101, dtype=np.float32)[None]
    picture = paint(heat)
    assert (picture.mode, picture.size) == ("RGBA", (101, 1))
    colours = np.asarray(picture)[0].astype(float)
    assert colours[0, 3] == 0
    # more heat is less clear and lighter, whatever colours the eye tells apart
    light = colours[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(colours[:, 3]) >= 0).all()
    assert (np.diff(light) >= 0).all()
    assert light[-1] > light[0] + 100
