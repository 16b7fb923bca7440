"""Bands at 10, 20 and 60 m -> one image at the finest grid: by interpolation, or by convolutions that are learned."""

from collections.abc import Mapping

import keras

from common.networks.upsample import Upsample

UPSAMPLINGS = ("bilinear", "bicubic", "stem")
STEM_FEATURES = 16


def to_one_grid(inputs: Mapping[str, keras.KerasTensor], resampling: str) -> keras.KerasTensor:
    """Bring inputs to the grid of the finest, and stack them.

    Args:
        inputs: (B, rows, cols, bands) each; rows of the finest are a multiple of those of the others.
        resampling: `bilinear` or `bicubic` interpolation, or `stem`: convolutions of each input at its own GSD, those
            of coarse ones with a transposed convolution that takes them to the fine grid.

    Returns:
        (B, rows, cols, all bands), or for `stem` STEM_FEATURES for each input instead of its bands.
    """
    finest = max(tensor.shape[1] for tensor in inputs.values())
    images = []
    for name, tensor in inputs.items():
        factor = finest // tensor.shape[1]
        if resampling == "stem":
            images.append(stem(tensor, factor, name))
        else:
            images.append(Upsample(factor, resampling, name=f"{name}_upsampled")(tensor) if factor > 1 else tensor)
    return keras.layers.Concatenate(name="bands")(images) if len(images) > 1 else images[0]


def stem(image: keras.KerasTensor, factor: int, name: str) -> keras.KerasTensor:
    """3 x 3 convolution, batch normalisation, ReLU; and where coarse, as many values of each pixel as it becomes."""
    image = keras.layers.Conv2D(STEM_FEATURES, 3, padding="same", use_bias=False, name=f"{name}_conv")(image)
    image = keras.layers.BatchNormalization(name=f"{name}_norm")(image)
    image = keras.layers.ReLU(name=f"{name}_relu")(image)
    if factor > 1:
        image = keras.layers.Conv2DTranspose(STEM_FEATURES, factor, strides=factor, name=f"{name}_upsampled")(image)
    return image
