"""Recipes: the names, their sizes, options, and tiny forms."""

import pytest
import torch

from ml import taxonomy
from ml.checkpoints import load_classifier
from ml.classifier import build_classifier, count_parameters
from ml.cli import main
from ml.config import Architecture
from ml.errors import RecipeError
from ml.losses import build_loss
from ml.manifest import read_manifest
from ml.recipes import RECIPES, get_recipe, shrink
from tests.ml.one_device import APART, OneDevice

# as the published systems or the libraries' documentation count them (docs/models.md)
SIZES = {
    "inception_resnet_v2": (54_336_736, 57_961_378),
    "resnet18": (11_176_512, 11_176_512 + 4_104),
    "resnet18_dropout": (11_176_512, 11_176_512 + 4_104),
    "vit_h14_dnn": (630_764_800, 630_764_800 + 805_767),
    "vit_l32_dnn": (305_607_680, 305_607_680 + 674_695),
}
FAMILIES = {"cae_extratrees", "densenet201", "efficientnet_b0_context", "efficientnetv2_b3"}
FAMILIES |= {"resnet152v2", "starter", *SIZES}


def build(recipe):
    with torch.device("meta"):
        return build_classifier(recipe.architecture, len(recipe.classes))


def test_the_names_are_those_of_the_design():
    assert set(RECIPES) == FAMILIES


@pytest.mark.parametrize("name", SIZES)
def test_sizes_are_the_published_ones(name):
    model = build(get_recipe(name))
    assert (count_parameters(model.backbone), count_parameters(model)) == SIZES[name]


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_every_recipe_is_complete(name):
    recipe = get_recipe(name)
    assert recipe.name == name
    assert all(code in taxonomy.BY_CODE for code in recipe.classes)
    assert Architecture.from_dict(recipe.architecture.to_dict()) == recipe.architecture
    says = RECIPES[name].__doc__
    assert {"Hardware:", "Hours:", "Result:"} <= set(says.split())


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_tiny_forms_are_tiny(name):
    recipe = shrink(get_recipe(name))
    assert recipe.preprocessing.size < 80
    assert recipe.classes == get_recipe(name).classes
    assert recipe.training.pretrained is None


@pytest.mark.parametrize("name", ["efficientnet_b0_context", "starter", "vit_l32_dnn"])
def test_tiny_forms_have_few_parameters(name):
    assert count_parameters(build(shrink(get_recipe(name)))) < 1e6


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_every_recipe_learns_and_reads_on_one_device(name):
    recipe = shrink(get_recipe(name))
    classes = len(recipe.classes)
    model = build_classifier(recipe.architecture, classes).to(APART)
    images = torch.empty(4, 3, *recipe.preprocessing.shape, device=APART)
    targets = torch.empty(4, classes, device=APART)
    context = ()
    if model.context is not None:
        others = torch.empty(4, 2, model.backbone.features, device=APART)
        context = others, torch.ones(4, 2, dtype=torch.bool, device=APART)
    loss = build_loss(recipe.training.loss, recipe.classes, torch.full((classes,), 1 / classes))
    with OneDevice():
        outputs = model.train()(images, *context)
        logits = outputs[0] if model.outlines else outputs
        loss(logits.float(), targets, images).backward()
        assert model.eval()(images, *context).shape == (4, classes)
    assert {p.grad.device for p in model.parameters() if p.grad is not None} == {APART}


@pytest.mark.parametrize("name", ["efficientnetv2_b3", "cae_extratrees", "vit_h14_dnn"])
def test_init_writes_a_checkpoint_that_loads(name, tmp_path):
    assert main(["init", name, "--tiny", "--out", str(tmp_path)]) == 0
    manifest = read_manifest(tmp_path)
    assert manifest.recipe == f"{name}_tiny"
    assert load_classifier(tmp_path).head is not None


def test_init_takes_options(tmp_path):
    options = ["--set", "context=patient_mean", "--tiny", "--out", str(tmp_path)]
    assert main(["init", "efficientnet_b0_context", *options]) == 0
    context = read_manifest(tmp_path).architecture.context
    assert context is not None
    assert context.name == "patient_mean"


@pytest.mark.parametrize(
    ("words", "classes"),
    [
        ("ham10000", taxonomy.HAM10000),
        ("malignant", taxonomy.MALIGNANT_OR_NOT),
        ("mel, nv,bkl", ("mel", "nv", "bkl")),
        ('["nv", "mel"]', ("nv", "mel")),
    ],
)
def test_every_recipe_learns_the_classes_that_are_asked_for(words, classes, tmp_path):
    options = ["--set", f"classes={words}", "tta=flips", "--tiny", "--out", str(tmp_path)]
    assert main(["init", "resnet18", *options]) == 0
    manifest = read_manifest(tmp_path)
    assert (manifest.classes, manifest.tta) == (classes, "flips")
    answers = load_classifier(tmp_path)(torch.zeros(2, 3, *manifest.preprocessing.shape))
    assert answers.shape == (2, len(classes))


def test_the_eight_variants_differ():
    plain = [get_recipe("resnet18", variant=f"M{n}") for n in range(4)]
    augmented = [get_recipe("resnet18_dropout", variant=f"M{n}") for n in range(4, 8)]
    names = ["constant", "step", "cosine", "restarts"]
    for recipes, epochs in ((plain, 20), (augmented, 40)):
        assert [recipe.training.schedule.name for recipe in recipes] == names
        assert {recipe.training.epochs for recipe in recipes} == {epochs}
    assert len({recipe.training.augmentation for recipe in plain}) == 1
    assert plain[0].training.augmentation != augmented[0].training.augmentation
    assert {recipe.architecture.head.name for recipe in augmented} == {"multi_sample_dropout"}


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("resnet18", {"variant": "M9"}, "'variant' is one of M0, M1, M2, M3"),
        ("resnet18", {"colour": "red"}, "its options are: variant, pretrained"),
        ("cae_extratrees", {"colour": "red"}, "it has none"),
        ("nothing", {}, "no recipe 'nothing'"),
    ],
)
def test_unknown_options_are_refused(name, options, reason):
    with pytest.raises(RecipeError, match=reason):
        get_recipe(name, **options)


@pytest.mark.parametrize("setting", ["variant", "=M1"])
def test_a_setting_needs_a_key_and_a_value(setting, capsys):
    with pytest.raises(SystemExit):
        main(["init", "resnet18", "--set", setting, "--out", "x"])
    assert "KEY=VALUE" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("code", "classes", "answer"),
    [
        ("mel", taxonomy.MELANOMA_OR_NOT, "mel"),
        ("bcc", taxonomy.MELANOMA_OR_NOT, "not_mel"),
        ("nv", taxonomy.MELANOMA_OR_NOT, "not_mel"),
        ("akiec", taxonomy.MALIGNANT_OR_NOT, "malignant"),
        ("df", taxonomy.MALIGNANT_OR_NOT, "benign"),
        ("sk", taxonomy.HAM10000, "bkl"),
        ("scc", taxonomy.HAM10000, "scc"),
        ("malignant", taxonomy.MELANOMA_OR_NOT, "malignant"),
        ("not_mel", taxonomy.MALIGNANT_OR_NOT, "not_mel"),
    ],
)
def test_diagnoses_fold_into_coarser_classes(code, classes, answer):
    assert taxonomy.fold(code, classes) == answer
