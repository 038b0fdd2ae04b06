"""``python -m ml.compare``: every recipe in its tiny form, through the same commands as a real run.

It proves the code, not the models: a few drawings are learned for two epochs. With --full it
measures the full forms instead: parameters, and images a second of one forward pass on one thread.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from ml import taxonomy
from ml.cli import main as run_command
from ml.recipes import RECIPES, get_recipe
from ml.synthetic import draw_lesion

PATIENTS = 10  # of each class, with two lesions: fewer would leave a part of the split empty
DRAWN = (96, 72)  # pixels
HEAD = "| recipe | parameters | tiny form | images a second | first loss | last loss |"
FULL_HEAD = "| recipe | backbone | all parameters | images a second, one thread |"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m ml.compare", description=__doc__)
    parser.add_argument("recipes", nargs="*", metavar="RECIPE", help="all, if none is named")
    parser.add_argument("--full", action="store_true", help="measure the full forms")
    options = parser.parse_args(arguments)
    names = options.recipes or sorted(RECIPES)
    rows = full_rows(names) if options.full else tiny_rows(names)
    _say(FULL_HEAD if options.full else HEAD)
    _say("|---" * (FULL_HEAD if options.full else HEAD).count(" |") + "|")
    for row in rows:
        _say(f"| {' | '.join(row)} |")
    return 0


def tiny_rows(names: Sequence[str]) -> Iterator[list[str]]:
    """Train, evaluate and predict with each recipe's tiny form; one row of figures each."""
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            data = draw_data(Path(folder) / "data", get_recipe(name).classes)
            yield try_recipe(name, data, Path(folder) / name)


def try_recipe(name: str, data: Path, out: Path) -> list[str]:
    """Run the three commands for one recipe. Raises RuntimeError where one of them fails."""
    images, labels = str(data / "images"), str(data / "labels.csv")
    _run("train", name, "--tiny", "--data", str(data), "--out", str(out))
    _run("evaluate", str(out), "--images", images, "--labels", labels)
    _run("predict", str(out), "--images", images, "--out", str(out / "answers.csv"))
    with (out / "run" / "metrics.csv").open(newline="") as file:
        epochs = list(csv.DictReader(file))
    manifest = json.loads((out / "manifest.json").read_text())
    return [
        name,
        f"{count_full(name):,}",
        f"{manifest['parameters']:,}",
        f"{float(epochs[-1]['images_per_second']):.0f}",
        *(f"{float(epochs[i]['loss']):.3f}" for i in (0, -1)),
    ]


def draw_data(folder: Path, classes: Sequence[str]) -> Path:
    """A data set of drawings in the layout of a plain folder, several lesions a patient."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    known = [entry.code for entry in taxonomy.CLASSES]
    codes = [code for code in known if taxonomy.fold(code, tuple(classes)) in classes]
    rows = []
    for number in range(2 * PATIENTS * len(codes)):
        patient, second = divmod(number, 2)
        code = codes[(patient + second) % len(codes)]
        name = f"{code}_{patient:03}.png"
        if not (folder / "images" / name).exists():
            draw_lesion(code, patient, DRAWN).save(folder / "images" / name)
        rows.append((name, code, patient))
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "label", "patient_id"), *rows])
    return folder


def full_rows(names: Sequence[str]) -> Iterator[list[str]]:
    """Sizes and speed of each full form, with zeros for weights: they decide neither."""
    import torch

    from ml.classifier import build_classifier, count_parameters

    torch.set_num_threads(1)
    for name in names:
        recipe = get_recipe(name)
        with torch.device("meta"):
            model = build_classifier(recipe.architecture, len(recipe.classes))
        model = model.to_empty(device="cpu").eval()
        for tensor in model.state_dict().values():
            tensor.zero_()
        sizes = [f"{count_parameters(part):,}" for part in (model.backbone, model)]
        image = torch.zeros(1, 3, *recipe.preprocessing.shape)
        yield [name, *sizes, f"{1 / _seconds(model, image):.3g}"]


def _seconds(model: object, image: object) -> float:
    """Median seconds of three passes, after one to warm up.

    They are the processor's and not the clock's, so that other work on the machine counts little.
    """
    import torch

    seconds = []
    with torch.inference_mode():
        for _ in range(4):
            started = time.process_time()
            model(image)  # type: ignore[operator]
            seconds.append(time.process_time() - started)
    return sorted(seconds[1:])[1]


def count_full(name: str) -> int:
    """Parameters of the full form, which is not given memory."""
    import torch

    from ml.classifier import build_classifier, count_parameters

    recipe = get_recipe(name)
    with torch.device("meta"):
        return count_parameters(build_classifier(recipe.architecture, len(recipe.classes)))


def _run(*arguments: str) -> None:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        status = run_command(arguments)
    if status:
        raise RuntimeError(f"'python -m ml {' '.join(arguments)}' failed with status {status}.")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
