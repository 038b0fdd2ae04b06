"""A network that draws where the lesion lies, and what is made of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import load_file

from ml.augmentation.geometry import follow, sampling_grid
from ml.checkpoints import describe, save_checkpoint
from ml.classifier import build_classifier
from ml.config import Augmentation, Preprocessing
from ml.data import read_dataset
from ml.data.masks import expert_edges, load_masks
from ml.data.samples import Sample
from ml.data.splits import split
from ml.errors import CheckpointError
from ml.evaluation import ask
from ml.finishing import measure_checkpoint
from ml.fitting import fit, with_epochs
from ml.joining import join
from ml.losses import outline_loss
from ml.manifest import parse_manifest
from ml.outline import choose_limit, edge_share
from ml.predictor import Predictor
from ml.tta import look

STILL = Augmentation((1.0, 1.0), 0.0, 0.0, 0.0, False, False)
SQUARE = Preprocessing(size=32)


@pytest.fixture
def outlining(recipe):
    backbone = recipe.architecture.backbone
    drawing = replace(backbone, options=backbone.options | {"outline": True})
    return replace(recipe, architecture=replace(recipe.architecture, backbone=drawing))


@pytest.fixture
def discs(ham10000):
    """The data set with a dark disc in every picture, its mask beside it."""
    (ham10000 / "masks").mkdir()
    rng = np.random.default_rng(1)
    for file in sorted((ham10000 / "images").iterdir()):
        image, mask = Image.open(file), Image.new("1", (40, 30))
        x, y = rng.uniform(8, 32), rng.uniform(4, 26)
        for canvas, ink in ((image, (20, 10, 10)), (mask, 1)):
            ImageDraw.Draw(canvas).ellipse((x - 9, y - 9, x + 9, y + 9), fill=ink)
        image.save(file)
        mask.save(ham10000 / "masks" / f"{file.stem}_segmentation.png")
    return ham10000


def test_masks_are_read_by_the_images_name(discs):
    (discs / "masks" / "mel_00_segmentation.png").rename(discs / "masks" / "mel_00.png")
    (discs / "masks" / "mel_01_segmentation.png").unlink()
    masks = {sample.path.stem: sample.mask for sample in read_dataset(discs).samples}
    assert masks["mel_00"].name == "mel_00.png"
    assert masks["mel_01"] is None
    assert masks["mel_02"].name == "mel_02_segmentation.png"


def test_masks_that_cannot_be_read_are_listed(discs):
    samples = read_dataset(discs).samples[:3]
    samples[0].mask.write_bytes(b"no picture")
    samples[1] = replace(samples[1], mask=None)
    found = load_masks(samples, (36, 48), SQUARE)
    assert found.known.tolist() == [False, False, True]
    assert found.skipped[0].startswith(samples[0].mask.name)
    masks, known = found.of(torch.tensor([2, 0]))
    assert masks.shape == (2, 18, 24)
    assert known.tolist() == [True, False]
    assert 0.1 < masks[0].mean() < 0.5
    assert masks.max() <= 1


def test_a_mask_follows_its_picture():
    generator = torch.Generator().manual_seed(0)
    mask = torch.zeros(1, 18, 24)
    mask[:, :9] = 1  # the upper half
    still = sampling_grid(torch.empty(1, 3, 36, 48), (32, 32), STILL, generator)
    seen = follow(mask, still, (8, 8))
    assert torch.allclose(seen[0, :3], torch.ones(3, 8), atol=1e-2)
    assert torch.allclose(seen[0, 5:], torch.zeros(3, 8), atol=1e-2)
    turned = follow(mask, still.rot90(1, (1, 2)), (8, 8))
    assert torch.allclose(turned[0], seen[0].rot90(1), atol=1e-2)


def test_unknown_masks_teach_nothing():
    drawn = torch.zeros(2, 4, 4, requires_grad=True)
    masks = torch.ones(2, 4, 4)
    loss = outline_loss(drawn, masks, torch.tensor([True, False]))
    assert loss.item() == pytest.approx(np.log(2))
    loss.backward()
    assert drawn.grad[0].abs().sum() > 0
    assert drawn.grad[1].abs().sum() == 0
    none = outline_loss(drawn, masks, torch.zeros(2, dtype=torch.bool))
    assert none.item() == 0
    assert none.requires_grad


def test_the_share_of_the_edge_counts_every_place_once():
    masks = np.zeros((2, 4, 5))
    masks[0, 0] = 1  # 5 of the 14 places of the edge
    masks[1, 1:3, 1:4] = 1  # all that is not edge
    assert edge_share(masks).tolist() == pytest.approx([5 / 14, 0])


def test_experts_edges_are_those_of_what_the_model_sees(tmp_path):
    """The model sees the middle square: what lies beside it does not count."""
    boxes = {
        "beside": (0, 40, 18, 80),
        "within": (60, 40, 78, 80),
        "the upper half": (0, 0, 160, 59),
    }
    samples = [Sample(tmp_path / "unknown.png", "nv", "p")]
    for name, box in boxes.items():
        mask = Image.new("1", (160, 120))
        ImageDraw.Draw(mask).rectangle(box, fill=1)
        mask.save(tmp_path / f"{name}.png")
        samples.append(replace(samples[0], mask=tmp_path / f"{name}.png"))
    unknown, *known = expert_edges(samples, SQUARE)
    assert np.isnan(unknown)
    assert known == pytest.approx([0, 0, 0.5])


def test_the_limit_is_the_lowest_with_nearly_all_alarms_right():
    drawn = np.linspace(1, 0, 200)
    expert = np.where(np.arange(200) < 80, 0.5, 0.0)
    limit = choose_limit(drawn, expert)
    alarms = drawn > limit
    assert (expert[alarms] > 0).mean() >= 0.8
    assert alarms.sum() == 100  # 80 of them right
    assert choose_limit(drawn, np.zeros(200)) is None
    assert choose_limit(drawn[:10], expert[:10]) is None
    assert choose_limit(drawn, np.ones(200)) == 0


def test_a_network_learns_to_draw(outlining, discs, tmp_path):
    parts = split(read_dataset(discs).samples, (0.6, 0.2, 0.2), 0)
    training = replace(outlining.training, outline_weight=3.0, augmentation=STILL)
    recipe = with_epochs(replace(outlining, training=training), 24)
    assert fit(recipe, parts, tmp_path / "out") == []
    model = build_classifier(recipe.architecture, 7)
    save_checkpoint(tmp_path / "before", model, describe(recipe, "before"))
    model.load_state_dict(load_file(tmp_path / "out" / "run" / "best.safetensors"))
    save_checkpoint(tmp_path / "after", model, describe(recipe, "after"))
    found = {name: ask(Predictor(tmp_path / name), parts.test) for name in ("before", "after")}
    agree = {
        name: np.corrcoef(answers.answer.edge_shares, answers.expert_edges)[0, 1]
        for name, answers in found.items()
    }
    assert agree["before"] < 0.3
    assert agree["after"] > 0.7


def test_blended_images_teach_no_outline(outlining, discs, tmp_path):
    """Their masks are those of one picture of two."""
    parts = split(read_dataset(discs).samples, (0.6, 0.2, 0.2), 0)
    blended = replace(STILL, cutmix_share=1.0)
    training = replace(outlining.training, epochs=1, weight_decay=0.0, augmentation=blended)
    fit(replace(outlining, training=training), parts, tmp_path)
    state = torch.load(tmp_path / "run" / "state.pt", weights_only=True)["trainer"]["model"]
    torch.manual_seed(training.seed)
    before = build_classifier(outlining.architecture, 7).state_dict()
    assert torch.equal(state["backbone.outline.weight"], before["backbone.outline.weight"])
    assert not torch.equal(state["head.layers.0.weight"], before["head.layers.0.weight"])


def test_an_answer_says_how_much_of_the_edge_is_lesion(outlining, tmp_path, checkpoint, photograph):
    model = build_classifier(outlining.architecture, 7).eval()
    torch.nn.init.zeros_(model.backbone.outline.weight)
    torch.nn.init.constant_(model.backbone.outline.bias, 2.0)
    save_checkpoint(tmp_path / "draws", model, describe(outlining, "test"))
    join([checkpoint, tmp_path / "draws"], tmp_path / "joined")
    draws, plain = Predictor(tmp_path / "draws"), Predictor(checkpoint)
    batch = draws.prepare(photograph)[None]
    expected = 1 / (1 + np.exp(-2))
    assert draws.read(batch).edge_shares == pytest.approx([expected], abs=1e-3)
    assert plain.read(batch).edge_shares is None
    # the mean of the members that draw is the one member's
    assert Predictor(tmp_path / "joined").read(batch).edge_shares == pytest.approx(
        [expected], abs=1e-3
    )


def test_the_outline_of_an_image_alone_is_that_beside_others(outlining):
    torch.manual_seed(0)
    model = build_classifier(outlining.architecture, 7).eval()
    images = torch.rand(3, 3, 32, 32)
    with torch.inference_mode():
        _, together = look(model, images, "flips")
        alone = [look(model, image[None], "flips")[1] for image in images]
    torch.testing.assert_close(torch.cat(alone), together)
    torch.testing.assert_close(model.forward_outlined(images)[1], together)


def test_a_measured_checkpoint_has_a_limit_and_says_how_good_it_is(
    outlining, discs, tmp_path, monkeypatch
):
    monkeypatch.setattr("ml.outline.FEWEST", 5)
    parts = split(read_dataset(discs).samples, (0.4, 0.4, 0.2), 0)
    training = replace(outlining.training, outline_weight=3.0, augmentation=STILL)
    recipe = with_epochs(replace(outlining, training=training), 12)
    fit(recipe, parts, tmp_path)
    model = build_classifier(recipe.architecture, 7)
    model.load_state_dict(load_file(tmp_path / "run" / "best.safetensors"))
    save_checkpoint(tmp_path, model, describe(recipe, "test"))
    manifest = measure_checkpoint(tmp_path, parts, "drawings").manifest
    assert 0 < manifest.outline["cut_off"] < 1
    found = manifest.metrics["overall"]
    assert found["precision_cut_off"]["value"] > 0.7
    assert 0 < found["share_cut_off"]["value"] < 1
    assert "Cut off at the edge" in (tmp_path / "MODEL_CARD.md").read_text()


def test_a_limit_that_is_no_number_is_refused(outlining):
    raw = describe(outlining, "test") | {"parameters": 1, "created": "", "sha256": ""}
    with pytest.raises(CheckpointError, match="thresholds of the outline"):
        parse_manifest(raw | {"outline": {"cut_off": "much"}})
