"""`joint`: sharpens the bands of 20 m and 60 m in one pass, on the 20 m grid. It is meant to learn from two DSen2 (`--teacher`).

As in `lowres`, blocks of 2 x 2 pixels of the 10 m bands become one pixel, residual blocks compute there, and the result is
unfolded to 10 m. Unlike other networks, it reads the *detail* of the bands, that is what is left of them without the mean of
their surroundings, as it is and divided by its *contrast*, the root mean square of detail around a pixel. Its result for the
20 m bands is multiplied by their contrast. So it depends less on how bright the ground of the training data was, and how
strong its edges. Surroundings are read, too, with little weight: they tell what kind of ground it is.

The result for a 60 m band is a sum of the details of the 10 m bands, with weights that the network chooses for each 20 m pixel,
as in pansharpening, and of a result of its own. No paper describes this network. It has 1,089,928 parameters.
"""

from collections.abc import Sequence

import keras
from keras import ops

from common.networks.upsample import Upsample
from superres.networks.catalogue import JOINT_BLOCKS, JOINT_FEATURES, NO_UPSAMPLING
from superres.networks.dsen2 import RESIDUAL_SCALING
from superres.networks.layers import GRID, Fold, Unfold, convolution, last_convolution, residual_block

COARSEST = 6  # 10 m pixels on a side of a 60 m pixel
SURROUNDINGS_PX = 5  # side of the square of 20 m pixels whose mean is subtracted
CONTRAST_PX = 21  # side of the square over which contrast is measured; a small one distorts what is beside edges
LEAST_CONTRAST = 0.002  # 4 DN, about the noise of the instrument; dark water has hardly any detail
WEIGHT_OF_SURROUNDINGS = 0.1


def joint(
    inputs: Sequence[keras.KerasTensor],
    bands: int,
    dtype: str,
    upsample: str,
    blocks: int = JOINT_BLOCKS,
    features: int = JOINT_FEATURES,
) -> keras.KerasTensor:
    """Add the layers of `joint`.

    Args:
        inputs: (B, H, W, 4), (B, H/2, W/2, 6) and (B, H/6, W/6, 2), float32, the bands of 10, 20 and 60 m.
        bands: number of the bands to sharpen: those of the last two inputs.
        dtype: Keras dtype policy of the convolutions inside the blocks; all other layers are float32.
        upsample: how the bands to sharpen are upsampled; the network predicts the difference to them. With `none` it predicts
            the bands themselves, and 60 m pixels are repeated on the 20 m grid.
        blocks: number of residual blocks.
        features: features of each convolution.

    Returns:
        (B, H, W, bands) float32.
    """
    fine, at_20m, at_60m = inputs
    on_grid_method = "nearest" if upsample == NO_UPSAMPLING else upsample
    images, contrast = read_detail(fine, at_20m, Upsample(3, on_grid_method, name="upsample_to_20m")(at_60m))
    trunk = convolution(features, activation="relu", name="first")(images)
    for block in range(1, blocks + 1):
        trunk = residual_block(trunk, RESIDUAL_SCALING, dtype, name=f"block{block:02d}")

    contrast_20m = contrast[..., fine.shape[-1] : fine.shape[-1] + at_20m.shape[-1]]
    sharp = [sharpen_20m(trunk, at_20m, contrast_20m, upsample), sharpen_60m(trunk, at_60m, fine, upsample)]
    return keras.layers.Concatenate(name="sharpened")(sharp)


def sharpen_20m(
    trunk: keras.KerasTensor, at_20m: keras.KerasTensor, contrast: keras.KerasTensor, upsample: str
) -> keras.KerasTensor:
    """Return the 20 m bands at 10 m: (B, H/2, W/2, features) and twice (B, H/2, W/2, 6) -> (B, H, W, 6), float32."""
    unfold = Unfold(GRID, name="unfold_20m")
    result = last_convolution(at_20m.shape[-1] * GRID**2, upsample, name="last_20m")(trunk)
    if upsample == NO_UPSAMPLING:
        return unfold(result)
    return unfold(result * for_each_pixel(contrast)) + Upsample(GRID, upsample, name=f"upsample_by_{GRID}")(at_20m)


def sharpen_60m(
    trunk: keras.KerasTensor, at_60m: keras.KerasTensor, fine: keras.KerasTensor, upsample: str
) -> keras.KerasTensor:
    """Return the 60 m bands at 10 m.

    (B, H/2, W/2, features), (B, H/6, W/6, 2) and the 10 m bands (B, H, W, 4) -> (B, H, W, 2), float32.
    """
    bands = at_60m.shape[-1]
    weights = convolution(bands * fine.shape[-1], name="weights", kernel_initializer="zeros")(trunk)
    beyond_60m = fine - Upsample(COARSEST, name="upsample_means")(keras.layers.AveragePooling2D(COARSEST)(fine))
    injected = WeightedDetail(name="injected")([weights, Fold(GRID, name="fold_detail")(beyond_60m)])
    own = last_convolution(bands * GRID**2, upsample, name="last_60m")(trunk)
    sharp = Unfold(GRID, name="unfold_60m")(own + injected)
    if upsample == NO_UPSAMPLING:
        return sharp
    return sharp + Upsample(COARSEST, upsample, name=f"upsample_by_{COARSEST}")(at_60m)


def read_detail(
    fine: keras.KerasTensor, at_20m: keras.KerasTensor, from_60m: keras.KerasTensor
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Return what the first convolution reads, and the contrast of each band.

    Args:
        fine: the 10 m bands, (B, H, W, 4).
        at_20m: the 20 m bands, (B, H/2, W/2, 6).
        from_60m: the 60 m bands on the 20 m grid, (B, H/2, W/2, 2).

    Returns:
        (B, H/2, W/2, 68) and (B, H/2, W/2, 12), float32.
    """
    means = keras.layers.AveragePooling2D(GRID, name="means")(fine)
    on_grid = keras.layers.Concatenate(name="bands")([means, at_20m, from_60m])
    surroundings = mean_around(on_grid, SURROUNDINGS_PX)
    detail = on_grid - surroundings
    contrast = ops.sqrt(mean_around(detail**2, CONTRAST_PX) + LEAST_CONTRAST**2)
    inside = Fold(GRID, name="fold")(fine) - for_each_pixel(means)
    relative_inside = inside / for_each_pixel(contrast[..., : fine.shape[-1]])
    images = [relative_inside, detail / contrast, inside, detail, WEIGHT_OF_SURROUNDINGS * surroundings]
    return keras.layers.Concatenate(name="images")(images), contrast


def mean_around(image: keras.KerasTensor, side_px: int) -> keras.KerasTensor:
    """Return the mean of the square around each pixel, of those pixels that the image has: (B, H, W, C) -> (B, H, W, C).

    Along columns and then along rows: the gradient of a square takes several times as long.
    """
    for size in ((side_px, 1), (1, side_px)):
        image = keras.layers.AveragePooling2D(size, strides=1, padding="same", dtype="float32")(image)
    return image


def for_each_pixel(image: keras.KerasTensor) -> keras.KerasTensor:
    """Repeat the bands for each of the folded pixels, as `Fold` orders them: (B, H, W, C) -> (B, H, W, 4 * C)."""
    return keras.layers.Concatenate()([image] * GRID**2)  # OpenVINO 2026.4.1 converts a tile wrongly, see `findings/`


@keras.saving.register_keras_serializable("jeoparda")
class WeightedDetail(keras.layers.Layer):
    """The sum of the details of some bands with weights for each pixel and resulting band.

    (B, H, W, R * C) weights, (B, H, W, S * C) detail of S folded pixels -> (B, H, W, S * R), float32, as `Unfold` takes it.
    """

    def __init__(self, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})

    def call(self, images: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
        weights, detail = images
        batch, rows, cols, folded_bands = ops.shape(detail)
        bands = folded_bands // GRID**2
        results = weights.shape[-1] // bands
        weights = ops.reshape(weights, (batch, rows, cols, 1, results, bands))
        detail = ops.reshape(detail, (batch, rows, cols, GRID**2, 1, bands))
        return ops.reshape(ops.sum(weights * detail, axis=-1), (batch, rows, cols, GRID**2 * results))

    def compute_output_shape(self, input_shape: Sequence[tuple]) -> tuple:
        (*pixels, weights), (*_, detail) = input_shape
        return *pixels, weights * GRID**4 // detail
