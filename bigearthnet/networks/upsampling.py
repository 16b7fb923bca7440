"""Bands at 10, 20 and 60 m -> one image at the finest GSD, by interpolation or by learned convolutions."""

from collections.abc import Mapping

import keras

from bigearthnet.networks.catalogue import STEM
from common.networks.upsample import Upsample

STEM_FEATURES = 16


def upsample_to_one_grid(images: Mapping[str, keras.KerasTensor], upsampling: str) -> keras.KerasTensor:
    """Bring images to the finest grid among them, and stack their bands.

    Args:
        images: group -> (B, rows, cols, bands). The rows of the finest are a multiple of the rows of each other.
        upsampling: one of UPSAMPLINGS. `bilinear` and `bicubic` interpolate. `stem` convolves each image at its own GSD
            and brings coarse ones to the finest grid with a transposed convolution.

    Returns:
        (B, rows, cols, all bands); with `stem`, STEM_FEATURES for each image instead of its bands.
    """
    finest_rows = max(image.shape[1] for image in images.values())
    upsampled = []
    for group, image in images.items():
        scale_factor = finest_rows // image.shape[1]
        if upsampling == STEM:
            upsampled.append(stem(image, scale_factor, group))
        elif scale_factor > 1:
            upsampled.append(Upsample(scale_factor, upsampling, name=f"{group}_upsampled")(image))
        else:
            upsampled.append(image)
    return keras.layers.Concatenate(name="bands")(upsampled) if len(upsampled) > 1 else upsampled[0]


def stem(image: keras.KerasTensor, scale_factor: int, name: str) -> keras.KerasTensor:
    """Apply a 3 x 3 convolution, batch normalisation and ReLU, and bring a coarse image to the finest grid.

    (B, rows, cols, bands) -> (B, rows * scale_factor, cols * scale_factor, STEM_FEATURES).
    """
    image = keras.layers.Conv2D(STEM_FEATURES, 3, padding="same", use_bias=False, name=f"{name}_conv")(image)
    image = keras.layers.BatchNormalization(name=f"{name}_norm")(image)
    image = keras.layers.ReLU(name=f"{name}_relu")(image)
    if scale_factor > 1:
        image = keras.layers.Conv2DTranspose(
            STEM_FEATURES, scale_factor, strides=scale_factor, name=f"{name}_upsampled"
        )(image)
    return image
