"""`joint`: sharpens the bands of 20 m and 60 m in one pass, on the 20 m grid. It is meant to learn from two DSen2 (`--teacher`).

A local *regression* makes a first guess, and the network learns the rest. In a square around each pixel, least squares find
the weights with which the detail of sharper bands, the *guides*, adds up to the detail of a band, all at the GSD of the band.
Detail is what is left of a band without the mean of its surroundings. The guess is the sum, with the same weights, of the
part of the guides' detail that is finer than the pixels of the band. It assumes that bands depend on each other at 10 m as
they do at their own GSD; what the guides do not explain there, the residual, tells how far. So the network need not have seen
how the bands of this ground depend on each other.

As in `lowres`, blocks of 2 x 2 pixels of the 10 m bands become one pixel, residual blocks compute there, and the result is
unfolded to 10 m. The network reads the guesses and residuals, divided by the *contrast* of the band (the root mean square of
its detail around a pixel), the detail of all bands as it is and divided by its contrast, and a tenth of the surroundings:
they tell what kind of ground it is. For that, surroundings are wider than for the regressions. The network corrects the
weights, and adds a result of its own, multiplied by the contrast of the band. So it depends less on how bright the ground of
the training data was, and how strong its edges.

Sums of sharp bands whose weights are regressed at the coarse scale are known as hyper-sharpening (Selva et al. 2015,
doi:10.1109/JSTARS.2015.2440092, for a whole scene); regressions in a square around each pixel from the guided filter (He et al.
2013, doi:10.1109/TPAMI.2012.213). No paper describes this network. It has 1,155,628 parameters.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from common.networks.upsample import Upsample
from superres.networks.catalogue import JOINT_BLOCKS, JOINT_FEATURES, NO_UPSAMPLING
from superres.networks.dsen2 import RESIDUAL_SCALING
from superres.networks.layers import GRID, Fold, Unfold, convolution, last_convolution, residual_block
from superres.networks.local_statistics import contrast_around, detail_around, mean_around, regress

COARSEST = 6  # 10 m pixels on a side of a 60 m pixel
SURROUNDINGS_PX = 5  # side of the square of 20 m pixels whose mean is subtracted from what the network reads
CONTRAST_PX = 21  # side of the square of 20 m pixels for contrast; a small one distorts what is beside edges
WEIGHT_OF_SURROUNDINGS = 0.1
REGRESSION_PX = {GRID: 5, COARSEST: 7}  # side of the square of a regression, in pixels of the band
REGRESSION_SURROUNDINGS_PX = 3  # side of the square whose mean is subtracted for a regression, in pixels of the band


@dataclass(frozen=True)
class Guess:
    """The detail of the bands of one GSD as a regression guesses it. All images are on the 20 m grid, float32.

    Attributes:
        weights: of each of C guides in each of R bands, (B, H/2, W/2, C * R).
        finer: the detail of the guides that is finer than the pixels of the bands, folded, (B, H/2, W/2, 4 * C).
        injected: sums of `finer` with these weights, folded, (B, H/2, W/2, 4 * R).
        residual: the detail of the bands at their own GSD that is no such sum, (B, H/2, W/2, R).
        contrast: of the detail of the bands at their own GSD, (B, H/2, W/2, R).
    """

    weights: keras.KerasTensor
    finer: keras.KerasTensor
    injected: keras.KerasTensor
    residual: keras.KerasTensor
    contrast: keras.KerasTensor


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
        dtype: Keras dtype policy of all convolutions; other layers are float32. Other networks keep the first and the last
            convolution in float32. Here that would take long, and bfloat16 raises the RMSE by at most 0.04 % at 20 m and
            0.44 % at 60 m (T33UUB, T49JGM). With `none`, the last one is float32, because its result is the bands.
        upsample: how the bands to sharpen are upsampled; the network adds detail to them. With `none` it reads guesses beyond
            repeated pixels, and predicts the bands themselves.
        blocks: number of residual blocks.
        features: features of each convolution.

    Returns:
        (B, H, W, bands) float32.
    """
    fine, at_20m, at_60m = inputs
    method = "nearest" if upsample == NO_UPSAMPLING else upsample
    guesses = guess_both(fine, at_20m, at_60m, method)
    images = [*read_detail(fine, at_20m, Upsample(3, method, name="upsample_to_20m")(at_60m))]
    for guess in guesses:
        images += [guess.injected / for_each_pixel(guess.contrast), guess.residual / guess.contrast]

    trunk = keras.layers.Concatenate(name="images")(images)
    trunk = convolution(features, dtype, activation="relu", name="first")(trunk)
    for block in range(1, blocks + 1):
        trunk = residual_block(trunk, RESIDUAL_SCALING, dtype, name=f"block{block:02d}")

    own, corrections = correct(trunk, guesses, upsample, dtype)
    if upsample == NO_UPSAMPLING:
        sharp = [Unfold(GRID)(image) for image in own]
    else:
        of_each = zip((at_20m, at_60m), guesses, own, corrections, (GRID, COARSEST), strict=True)
        sharp = [sharpen(*parts, upsample) for parts in of_each]
    return keras.layers.Concatenate(name="sharpened")(sharp)


def guess_both(
    fine: keras.KerasTensor, at_20m: keras.KerasTensor, at_60m: keras.KerasTensor, method: str
) -> tuple[Guess, Guess]:
    """Guess the 20 m bands from the 10 m bands, and then the 60 m bands from both. `method` upsamples."""
    means = keras.layers.AveragePooling2D(GRID)(fine)
    guess_20m = guess_detail(at_20m, means, fine, GRID, method)
    sharp_20m = Unfold(GRID)(guess_20m.injected) + Upsample(GRID, method)(at_20m)
    on_60m_grid = keras.layers.AveragePooling2D(COARSEST // GRID)(keras.layers.Concatenate()([means, at_20m]))
    sharper = keras.layers.Concatenate()([fine, sharp_20m])
    return guess_20m, guess_detail(at_60m, on_60m_grid, sharper, COARSEST, method)


def guess_detail(
    bands: keras.KerasTensor, guides: keras.KerasTensor, sharp_guides: keras.KerasTensor, factor: int, method: str
) -> Guess:
    """Return the guess of the detail of bands from that of sharper bands, their guides.

    Args:
        bands: (B, H/factor, W/factor, R).
        guides: means over the pixels of the bands, (B, H/factor, W/factor, C).
        sharp_guides: at 10 m, (B, H, W, C).
        factor: 10 m pixels on a side of a pixel of the bands, 2 or 6.
        method: of upsampling.
    """
    detail, detail_of_guides = (detail_around(image, REGRESSION_SURROUNDINGS_PX) for image in (bands, guides))
    weights = regress(detail, detail_of_guides, REGRESSION_PX[factor])
    weighted_sums = WeightedSums(guides.shape[-1])
    residual = detail - weighted_sums([weights, detail_of_guides])
    contrast = contrast_around(detail, CONTRAST_PX * GRID // factor)
    if factor != GRID:
        to_20m = Upsample(factor // GRID, "nearest")
        weights, residual, contrast = to_20m(weights), to_20m(residual), to_20m(contrast)
    of_pixels = Upsample(factor, method)(keras.layers.AveragePooling2D(factor)(sharp_guides))
    finer = Fold(GRID)(sharp_guides - of_pixels)
    return Guess(weights, finer, weighted_sums([weights, finer]), residual, contrast)


def correct(
    trunk: keras.KerasTensor, guesses: Sequence[Guess], upsample: str, dtype: str
) -> tuple[list[keras.KerasTensor], list[keras.KerasTensor]]:
    """Return the network's own results and its corrections of the weights, one of each for each guess; with `none`, no corrections.

    One convolution computes all of them, in less time than one for each. Shapes are those of `injected` and `weights`.
    """
    sizes = [guess.injected.shape[-1] for guess in guesses]
    if upsample == NO_UPSAMPLING:
        dtype = "float32"
    else:
        sizes += [guess.weights.shape[-1] for guess in guesses]
    together = last_convolution(sum(sizes), upsample, "last", dtype)(trunk)
    ends = np.cumsum(sizes)
    images = [together[..., end - size : end] for size, end in zip(sizes, ends.tolist(), strict=True)]
    return images[: len(guesses)], images[len(guesses) :]


def sharpen(
    bands: keras.KerasTensor,
    guess: Guess,
    own: keras.KerasTensor,
    corrections: keras.KerasTensor,
    factor: int,
    upsample: str,
) -> keras.KerasTensor:
    """Return bands at 10 m.

    Args:
        bands: (B, H/factor, W/factor, R).
        guess: of their detail.
        own: result of the network's own, to be multiplied by the contrast, (B, H/2, W/2, 4 * R).
        corrections: of the guess's weights, (B, H/2, W/2, C * R).
        factor: 10 m pixels on a side of a pixel of the bands, 2 or 6.
        upsample: how the bands are upsampled.

    Returns:
        (B, H, W, R) float32.
    """
    sums = WeightedSums(guess.finer.shape[-1] // GRID**2)([guess.weights + corrections, guess.finer])
    return Unfold(GRID)(own * for_each_pixel(guess.contrast) + sums) + Upsample(factor, upsample)(bands)


def read_detail(
    fine: keras.KerasTensor, at_20m: keras.KerasTensor, from_60m: keras.KerasTensor
) -> tuple[keras.KerasTensor, ...]:
    """Return detail, divided by its contrast and as it is, and surroundings.

    Args:
        fine: the 10 m bands, (B, H, W, 4).
        at_20m: the 20 m bands, (B, H/2, W/2, 6).
        from_60m: the 60 m bands on the 20 m grid, (B, H/2, W/2, 2).

    Returns:
        Five images of the 20 m grid, with 16, 12, 16, 12 and 12 bands, float32.
    """
    means = keras.layers.AveragePooling2D(GRID)(fine)
    on_grid = keras.layers.Concatenate()([means, at_20m, from_60m])
    surroundings = mean_around(on_grid, SURROUNDINGS_PX)
    detail = on_grid - surroundings
    contrast = contrast_around(detail, CONTRAST_PX)
    inside = Fold(GRID)(fine) - for_each_pixel(means)
    relative_inside = inside / for_each_pixel(contrast[..., : fine.shape[-1]])
    return relative_inside, detail / contrast, inside, detail, WEIGHT_OF_SURROUNDINGS * surroundings


def for_each_pixel(image: keras.KerasTensor) -> keras.KerasTensor:
    """Repeat the bands for each of the folded pixels, as `Fold` orders them: (B, H, W, C) -> (B, H, W, 4 * C)."""
    return keras.layers.Concatenate()([image] * GRID**2)  # OpenVINO 2026.4.1 converts a tile wrongly, see `findings/`


@keras.saving.register_keras_serializable("jeoparda")
class WeightedSums(keras.layers.Layer):
    """Sums of the detail of guides with weights of each pixel, for each band.

    (B, H, W, C * R) weights as `regress` returns them, (B, H, W, S * C) detail of S folded pixels -> (B, H, W, S * R),
    float32, as `Unfold` takes it.

    Args:
        guides: number of guides, C.
    """

    def __init__(self, guides: int, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.guides = guides

    def call(self, images: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
        weights, detail = images
        batch, rows, cols, folded = ops.shape(detail)
        pixels, bands = folded // self.guides, weights.shape[-1] // self.guides
        weights = ops.reshape(weights, (batch, rows, cols, self.guides, bands))
        detail = ops.reshape(detail, (batch, rows, cols, pixels, self.guides))
        return ops.reshape(ops.matmul(detail, weights), (batch, rows, cols, pixels * bands))

    def compute_output_shape(self, input_shape: Sequence[tuple]) -> tuple:
        (*pixels, weights), (*_, detail) = input_shape
        return *pixels, weights * detail // self.guides**2

    def get_config(self) -> dict:
        return {**super().get_config(), "guides": self.guides}
