"""Contexts: the features of an image and of its patient's other lesions to features for the head.

Features are (B, D), others (B, M, D), and the mask (B, M) is true where there is another lesion.
Each says the width that it gives as ``features``.
"""

from collections.abc import Callable

from torch import nn

from ml.config import Context
from ml.contexts.attention import AttentionContext
from ml.contexts.patient_mean import PatientMeanContext
from ml.errors import RecipeError

CONTEXTS: dict[str, Callable[..., nn.Module]] = {
    "attention": AttentionContext,
    "patient_mean": PatientMeanContext,
}


def build_context(config: Context, features: int) -> nn.Module:
    """Build the context that ``config`` names. Raises RecipeError for unknown names and options."""
    if config.name not in CONTEXTS:
        raise RecipeError(f"There is no context '{config.name}'.")
    try:
        return CONTEXTS[config.name](features, **config.options)
    except (AssertionError, TypeError) as error:
        raise RecipeError(f"The context '{config.name}' does not take this: {error}.") from error
