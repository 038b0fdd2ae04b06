"""Pretrained weights of transformers' models: safetensors are read, never a pickle."""

from __future__ import annotations

from typing import Any

from ml.errors import RecipeError

WITHOUT = "--set pretrained=PATH reads them from this machine, pretrained=none begins without."


def from_pretrained(kind: Any, source: str, config: Any, **options: Any) -> Any:
    """A model of class ``kind`` and shape ``config`` with the weights of ``source``.

    ``source`` is a local folder or a hub id. Raises RecipeError if it cannot be read, is of another
    shape or lacks tensors.
    """
    try:
        model, loaded = kind.from_pretrained(
            source, config=config, use_safetensors=True, output_loading_info=True, **options
        )
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise RecipeError(
            f"The pretrained weights '{source}' cannot be used: {reason} {WITHOUT}"
        ) from error
    if loaded["missing_keys"]:
        missing = ", ".join(sorted(loaded["missing_keys"])[:3])
        raise RecipeError(f"The pretrained weights '{source}' lack tensors: {missing}.")
    return model
