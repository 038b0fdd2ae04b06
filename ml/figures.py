"""Figures of a measurement, for print: SVG by matplotlib, which only this file imports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ml.errors import RecipeError

# Okabe and Ito's colours, which colour-blind readers tell apart
COLOURS = ["#000000", "#e69f00", "#56b4e9", "#009e73", "#d55e00", "#0072b2", "#cc79a7", "#999933"]
MARKS = "osv^D*XPh"
MOST_POINTS = 1500  # t-SNE's time grows with the square
FEWEST_POINTS = 4  # fewer have no neighbourhoods


def check_drawable() -> None:
    """Raise RecipeError where figures cannot be drawn."""
    _canvas()


def draw_figures(
    folder: Path, metrics: dict[str, Any], classes: Sequence[str], drawn: Features | None = None
) -> list[Path]:
    """Write confusion, ROC, reliability and (with ``drawn``) t-SNE as SVG files below ``folder``.

    ``metrics`` is what ml.evaluation.measure returns. Raises RecipeError without matplotlib.
    """
    figures = {
        "confusion": draw_confusion(np.array(metrics["confusion"]), classes),
        "roc": draw_roc(metrics["curves"]["roc"]),
        "reliability": draw_reliability(metrics["curves"]["reliability"]),
    }
    if drawn is not None and len(drawn[1]) >= FEWEST_POINTS:
        figures["features"] = draw_features(*drawn, classes)
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{name}.svg" for name in figures]
    for file, figure in zip(files, figures.values(), strict=True):
        figure.savefig(file, bbox_inches="tight", metadata={"Date": None})
    return files


def draw_confusion(table: np.ndarray, classes: Sequence[str]) -> Any:
    """Counts (K, K), shaded by the share of the true class: rows are the truth."""
    figure, axes = _canvas()
    shares = table / np.maximum(table.sum(1, keepdims=True), 1)
    axes.imshow(shares, cmap="Greys", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(table):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=colour)
    ticks = range(len(classes))
    axes.set(xticks=ticks, yticks=ticks, xticklabels=classes, yticklabels=classes)
    axes.set(xlabel="answer", ylabel="truth")
    return figure


def draw_roc(roc: dict[str, Any]) -> Any:
    figure, axes = _canvas()
    axes.plot([0, 1], [0, 1], color="0.8", linewidth=1)
    for number, (name, curve) in enumerate(roc["true_positive"].items()):
        width = 2.5 if name == "malignant" else 1.2
        colour, dash = COLOURS[number % len(COLOURS)], ("-", "--", ":")[number % 3]
        axes.plot(roc["false_positive"], curve, dash, color=colour, linewidth=width, label=name)
    axes.set(xlabel="1 - specificity", ylabel="sensitivity", aspect="equal")
    if roc["true_positive"]:
        axes.legend(loc="lower right")
    return figure


def draw_reliability(bins: list[dict[str, float]]) -> Any:
    """Accuracy over confidence; the area of a dot is the share of the images."""
    figure, axes = _canvas()
    total = sum(entry["images"] for entry in bins)
    axes.plot([0, 1], [0, 1], color="0.8", linewidth=1)
    axes.scatter(
        [entry["confidence"] for entry in bins],
        [entry["accuracy"] for entry in bins],
        [15 + 1200 * entry["images"] / total for entry in bins],
        color="black",
        alpha=0.6,
    )
    axes.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1), aspect="equal")
    return figure


Features = tuple[np.ndarray, np.ndarray]  # (N, D) and labels (N,)


def draw_features(features: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> Any:
    """The features in a plane by t-SNE (van der Maaten and Hinton, JMLR 9:2579, 2008).

    Only neighbourhoods mean something, not distances. Of many images, 1500 are drawn.
    """
    from sklearn.manifold import TSNE

    figure, axes = _canvas()
    chosen = np.random.default_rng(0).permutation(len(labels))[:MOST_POINTS]
    perplexity = min(30.0, max(1.0, (len(chosen) - 1) / 3))
    plane = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(features[chosen])
    for index, code in enumerate(classes):
        own = plane[labels[chosen] == index]
        style = {"color": COLOURS[index % len(COLOURS)], "marker": MARKS[index % len(MARKS)]}
        axes.scatter(own[:, 0], own[:, 1], 12, label=code, linewidths=0, **style)
    axes.set(xticks=[], yticks=[])
    axes.legend(loc="best")
    return figure


def _canvas() -> tuple[Any, Any]:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise RecipeError(
            "Figures need matplotlib: pip install -r requirements-training.txt."
        ) from None
    figure = Figure(figsize=(5.5, 5.5))
    return figure, figure.subplots()
