"""Hyper-parameter search: Optuna proposes, short runs answer, hopeless ones are ended early."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ml.config import Recipe
from ml.configuring import with_settings
from ml.data.loading import MEMORY
from ml.data.splits import Splits
from ml.engine import is_alone
from ml.errors import DivergedError, TrainingError
from ml.fitting import fit
from ml.runstate import RUN, changes, fingerprint

if TYPE_CHECKING:
    from optuna import Study, Trial

BEST_SETTINGS = "best.json"


@dataclass(frozen=True)
class Range:
    """The numbers from ``low`` to ``high``, whole ones if both are."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Choice:
    values: tuple[Any, ...]


Space = dict[str, Range | Choice]

COMMON: Space = {
    "training.learning_rate": Range(1e-5, 1e-2, log=True),
    "training.weight_decay": Range(1e-4, 0.3, log=True),
    "training.label_smoothing": Range(0.0, 0.15),
    "training.augmentation.mixup": Range(0.05, 0.5),
    "training.augmentation.brightness": Range(0.0, 0.4),
    "training.augmentation.dropout_share": Range(0.0, 0.5),
}
BY_HEAD: dict[str, Space] = {
    "dnn": {
        "architecture.head.options.dropout": Range(0.0, 0.5),
        "architecture.head.options.hidden": Choice(([64], [256, 64], [512, 256, 64])),
    },
    "dense": {
        "architecture.head.options.dropout": Range(0.0, 0.6),
        "architecture.head.options.hidden": Choice(([64], [128], [256], [512])),
    },
}


def search_space(recipe: Recipe) -> Space:
    """What may be varied of ``recipe``: dotted paths of settings, and their ranges.

    Of the head, only what the recipe itself sets; a head of many layers keeps its widths.
    """
    options = recipe.architecture.head.options
    kept = {name for name in options if name != "hidden" or len(options[name]) <= 2}
    of_head = BY_HEAD.get(recipe.architecture.head.name, {})
    return COMMON | {p: values for p, values in of_head.items() if p.rpartition(".")[2] in kept}


class Found(NamedTuple):
    """The best settings by their paths, and "file: reason" of what could not be read."""

    settings: dict[str, Any]
    skipped: list[str]


def tune(recipe: Recipe, parts: Splits, out: Path, trials: int, memory: float = MEMORY) -> Found:
    """Try until ``out`` holds ``trials`` trials. The best settings are in best.json too.

    All trials are kept in ``out``/trials.db, so a search that was stopped goes on. A trial whose
    validation score is below the median of the others at its epoch is ended (Optuna's median
    pruner), and so is one whose loss is no number any more. Raises TrainingError if Optuna is
    missing, there are several processes, the search in ``out`` is of another recipe or other images
    or cannot be read, a trial cannot be trained, or none came to an end.
    """
    if not is_alone():
        raise TrainingError("A search runs in one process; start it without torchrun.")
    study = _open(recipe, parts, out)
    left = trials - sum(trial.state.name in ("COMPLETE", "PRUNED") for trial in study.trials)
    space = search_space(recipe)
    skipped: dict[str, None] = {}

    def objective(trial: Trial) -> float:
        settings, folder = _suggest(trial, space), out / f"trial-{trial.number}"
        score, unread = _try(recipe, parts, folder, settings, trial, memory)
        skipped.update(dict.fromkeys(unread))
        return score

    if left > 0:
        study.optimize(objective, n_trials=left)
    return Found(_best(study, out), list(skipped))


def _open(recipe: Recipe, parts: Splits, out: Path) -> Study:
    try:
        import optuna
    except ImportError as error:
        raise TrainingError(
            "Tuning needs what is listed in requirements-training.txt: "
            "python -m pip install -r requirements-training.txt"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    out.mkdir(parents=True, exist_ok=True)
    file = out.resolve() / "trials.db"
    try:
        study = optuna.create_study(
            storage=f"sqlite:///{file}",
            study_name="nevus",
            direction="maximize",
            load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1),
        )
    except Exception as error:  # the database's library has many kinds
        raise TrainingError(f"{file} cannot be read; choose another folder.") from error
    # one that goes on draws anew, not what it began with
    seed = recipe.training.seed + len(study.trials)
    study.sampler = optuna.samplers.TPESampler(seed=seed % 2**32)
    mark = fingerprint(recipe, parts)
    before = study.user_attrs.get("mark", mark)
    if before != mark:
        raise TrainingError(
            f"{out} holds another search ({', '.join(changes(before, mark))} differ); choose "
            "another folder."
        )
    study.set_user_attr("mark", mark)
    return study


def _suggest(trial: Trial, space: Space) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for path, values in space.items():
        if isinstance(values, Choice):
            # the database holds words only
            words = [json.dumps(value) for value in values.values]
            settings[path] = json.loads(trial.suggest_categorical(path, words))
        else:
            settings[path] = trial.suggest_float(path, values.low, values.high, log=values.log)
    return settings


def _try(
    recipe: Recipe, parts: Splits, folder: Path, settings: dict, trial: Trial, memory: float
) -> tuple[float, list[str]]:
    """The best score of an epoch, and what could not be read."""
    import optuna

    trial.set_user_attr("settings", settings)
    scores: list[float] = []

    def report(epoch: int, score: float) -> None:
        scores.append(score)
        trial.report(score, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned

    try:
        chosen = with_settings(recipe, settings)
        skipped = fit(chosen, parts, folder, memory=memory, report=report)
    except DivergedError as error:
        raise optuna.TrialPruned from error
    finally:
        shutil.rmtree(folder / RUN, ignore_errors=True)  # a state of each would fill the disk
        if folder.exists():
            folder.rmdir()
    return max(scores), skipped


def _best(study: Study, out: Path) -> dict[str, Any]:
    try:
        best = study.best_trial
    except ValueError as error:
        raise TrainingError("No trial came to its end; try more, or other data.") from error
    settings: dict[str, Any] = best.user_attrs["settings"]
    (out / BEST_SETTINGS).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    return settings
