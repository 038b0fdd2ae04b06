"""Convolutional networks of keras.applications as plain torch modules.

Keras only draws the graph and computes it, on its torch backend. The tensors are this module's own
torch parameters, so that ``state_dict``, ``to``, ``deepcopy`` and ``train`` are torch's.
"""

from __future__ import annotations

import functools
import os
import random
from typing import Any

import torch
from torch import Tensor, nn

from ml.backbones.pretrained import WITHOUT
from ml.errors import RecipeError

# further arguments of the builder, and by what the normalised picture is multiplied first
NETWORKS: dict[str, tuple[dict[str, Any], float]] = {
    "DenseNet201": ({}, 1.0),
    "EfficientNetB0": ({}, 255.0),  # its graph begins with a division by 255
    "EfficientNetV2B3": ({"include_preprocessing": False}, 1.0),
    "InceptionResNetV2": ({}, 1.0),
    "ResNet152V2": ({}, 1.0),
}


class KerasNetwork(nn.Module):
    """The network ``name`` of NETWORKS without its top, mean-pooled.

    ``until`` cuts it after the layer of that name (for tiny forms). ``pretrained`` is a weights
    file that Keras wrote for the network without its top (.h5), or "imagenet", which downloads it.
    As Keras counts, the moving statistics of batch norm are parameters too, without gradient.
    """

    def __init__(
        self, name: str, image_size: int, until: str | None = None, pretrained: str | None = None
    ):
        super().__init__()
        if name not in NETWORKS:
            raise RecipeError(f"There is no Keras network '{name}'; {', '.join(NETWORKS)} are.")
        self.scale = NETWORKS[name][1]
        self.graph = Graph(name, image_size, until)
        self.features = int(self.graph.model.output.shape[-1])
        for key, value in initial_values(self.graph, pretrained).items():
            self.register_parameter(key, value)

    def forward_map(self, images: Tensor) -> Tensor:  # (B, 3, H, W)
        pictures = images.permute(0, 2, 3, 1) * self.scale  # (B, H, W, 3)
        outputs, moved = self.graph(pictures, dict(self.named_parameters()), self.training)
        if self.training:
            with torch.no_grad():
                for key, value in moved.items():
                    self.get_parameter(key).copy_(value)
        return outputs.permute(0, 3, 1, 2)  # (B, D, h, w)

    def pool(self, maps: Tensor) -> Tensor:
        return maps.mean((2, 3))  # (B, D)

    def forward(self, images: Tensor) -> Tensor:
        return self.pool(self.forward_map(images))  # (B, D)


class Graph:
    """A Keras model without values, shared by all copies of a network."""

    def __init__(self, name: str, image_size: int, until: str | None):
        self.arguments = (name, image_size, until)
        self.model = _draw(*self.arguments)
        self.weights = {variable.path for variable in self.model.weights}

    def __deepcopy__(self, memo: dict[int, Any]) -> Graph:
        return self

    def __call__(
        self, pictures: Tensor, values: dict[str, Tensor], training: bool
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Pictures (B, H, W, 3) to outputs (B, h, w, D) and the moved statistics."""
        fixed = self.model.non_trainable_variables
        trainable = [values[variable.path] for variable in self.model.trainable_variables]
        with import_keras().device(str(pictures.device)):
            outputs, moved = self.model.stateless_call(
                trainable,
                [self._fixed(variable, values, training) for variable in fixed],
                pictures,
                training=training,
            )
        paths = [variable.path for variable in fixed]
        pairs = zip(paths, moved, strict=True)
        return outputs, {path: value for path, value in pairs if path in self.weights}

    def _fixed(self, variable: Any, values: dict[str, Tensor], training: bool) -> Tensor:
        if variable.path in self.weights:
            return values[variable.path].detach()
        # the state of a dropout, drawn from torch's generator, so that its seed decides
        shape = tuple(variable.shape)
        return torch.randint(2**31 - 1, shape) if training else torch.zeros(shape)


def import_keras() -> Any:
    """Keras on torch. Raises RecipeError where it is not installed or runs on another backend."""
    os.environ["KERAS_BACKEND"] = "torch"
    try:
        import keras
    except ImportError as error:
        raise RecipeError(
            "This network needs Keras: python -m pip install -r requirements-training.txt"
        ) from error
    if keras.backend.backend() != "torch":
        raise RecipeError("Keras was loaded on another backend; set KERAS_BACKEND=torch.")
    keras.config.set_image_data_format("channels_last")
    return keras


def initial_values(graph: Graph, pretrained: str | None) -> dict[str, nn.Parameter]:
    """A parameter for each weight: drawn from torch's seed, read, or on the meta device empty."""
    if torch.get_default_device().type == "meta":
        variables = graph.model.weights
        values = {v.path: torch.empty(tuple(v.shape)) for v in variables}
    else:
        name, size, _ = graph.arguments
        variables = _build_seeded(name, size, pretrained).weights
        values = {v.path: v.value.detach().float() for v in variables if v.path in graph.weights}
    trained = {variable.path for variable in variables if variable.trainable}
    return {key: nn.Parameter(value, key in trained) for key, value in values.items()}


@functools.cache
def _draw(name: str, image_size: int, until: str | None) -> Any:
    keras = import_keras()
    with keras.device("meta"):
        model = _build(name, image_size, None)
        if until:
            model = keras.Model(model.input, _layer_output(model, until))
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            # it would take its statistics from a file at loading; ours are in Preprocessing
            layer.mean, layer.variance = 0.0, 1.0
    return model


def _layer_output(model: Any, name: str) -> Any:
    try:
        return model.get_layer(name).output
    except ValueError as error:
        raise RecipeError(f"The network has no layer '{name}'.") from error


def _build(name: str, image_size: int, weights: str | None) -> Any:
    keras = import_keras()
    # layers without a name are numbered since the last clearing, and the names are our keys
    keras.utils.clear_session(free_memory=False)
    shape = (image_size, image_size, 3)
    options = NETWORKS[name][0]
    build = getattr(keras.applications, name)
    try:
        return build(weights=weights, include_top=False, input_shape=shape, **options)
    except Exception as error:
        # a download that failed is a bare Exception
        if not isinstance(error, OSError | ValueError) and type(error) is not Exception:
            raise
        reason = " ".join(str(error).split())[:300]
        what = f" with the weights '{weights}'" if weights else ""
        hint = f". {WITHOUT}" if weights else ""
        raise RecipeError(
            f"{name} of {image_size} pixels cannot be built{what}: {reason}{hint}"
        ) from error


def _build_seeded(name: str, image_size: int, weights: str | None) -> Any:
    # Keras' initialisers draw their seeds from Python's generator; torch's seed shall decide
    state = random.getstate()
    random.seed(int(torch.randint(2**31 - 1, ())))
    try:
        with import_keras().device("cpu"):
            return _build(name, image_size, weights)
    finally:
        random.setstate(state)
