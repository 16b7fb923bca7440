"""The work of a network: multiplications, each with an addition. Nothing is computed."""

import math
from collections.abc import Mapping

import keras


def with_sizes(model: keras.Model, shapes: Mapping[str, tuple[int, ...]]) -> keras.Model:
    """Return a copy of a model, with other weights, for images of known sizes.

    Args:
        model: a model of a dict of images.
        shapes: name of an input -> (rows, cols, bands).
    """
    inputs = {name: keras.Input(shape, name=name, dtype=model.input[name].dtype) for name, shape in shapes.items()}
    return keras.models.clone_model(model, input_tensors=inputs)


def multiplications(model: keras.Model) -> int:
    """Count the multiplications of a model for one sample; the sizes of all its images are known.

    Layers with a kernel count, and layers with an attribute `multiplications_per_pixel`.
    """
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += multiplications(layer)
        else:
            total += layer_multiplications(layer) * math.prod(layer.output.shape[1:-1])
    return total


def layer_multiplications(layer: keras.layers.Layer) -> int:
    """Return the multiplications for one pixel of a layer's output."""
    if hasattr(layer, "multiplications_per_pixel"):
        return layer.multiplications_per_pixel
    return math.prod(layer.kernel.shape) if hasattr(layer, "kernel") else 0
