"""The discriminator of adversarial training: could this be the truth that belongs to these inputs?

It scores overlapping parts of a patch (Isola et al. 2017, arXiv:1611.07004), and sees the inputs beside what it judges.
Its convolutions are spectrally normalised (Miyato et al. 2018, arXiv:1802.05957), but for the last, so that scores can
take any scale. Such layers amplify little, and truth and estimate differ by a hundredth of a network unit: it is given
their difference to the upsampled input, which is all that they can differ in, in a finer unit, and starts from
orthogonal kernels, whose singular values are all equal. 418,689 parameters for 20 m; float32 at any precision.
"""

import keras
import tensorflow as tf

from common.networks.upsample import Upsample
from common.pixels.sentinel2 import BANDS_BY_GSD, input_gsds, scale_factor

DETAIL_GAIN = 20.0  # network unit -> 100 DN, about what detail measures
LEAK = 0.2
# Features and stride of the 3 x 3 convolutions before the last.
TRUNK = ((64, 1), (64, 2), (128, 1), (128, 2), (128, 1))
PART_PX = 29  # rows and columns of the evidence that a score sees


class SpectralConv2D(keras.layers.Conv2D):
    """A convolution with the kernel W / s(W), where s is the largest singular value of W as (rows * cols * in, out).

    s is estimated as |W u|; `iterate` improves u by one power iteration and is called once a training step, so that all
    passes of a step use the same kernel. Unlike `keras.layers.SpectralNormalization`, which overwrites W, this passes
    gradients through s, as the paper does.
    """

    def build(self, input_shape: tuple) -> None:
        super().build(input_shape)
        start = keras.initializers.Constant(self.filters**-0.5)
        self.direction = self.add_weight(shape=(self.filters,), initializer=start, trainable=False, name="direction")

    def iterate(self) -> None:
        """u <- W' W u, of length 1. The same on all ranks, as W is."""
        matrix = tf.reshape(self.kernel, (-1, self.filters))
        image = tf.linalg.matvec(matrix, tf.linalg.matvec(matrix, self.direction.value), transpose_a=True)
        self.direction.assign(tf.math.l2_normalize(image))

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        matrix = tf.reshape(kernel, (-1, self.filters))
        return super().convolution_op(inputs, kernel / tf.norm(tf.linalg.matvec(matrix, self.direction.value)))


def build_discriminator(gsd: int) -> keras.Model:
    """Evidence, see `Evidence`, (B, H, W, C) -> scores (B, H / 4, W / 4, 1), unbounded, float32."""
    image = keras.Input((None, None, Evidence(gsd).bands), name="evidence")
    scores = image
    for number, (features, stride) in enumerate(TRUNK, start=1):
        layer = SpectralConv2D(features, 3, stride, "same", kernel_initializer="orthogonal", name=f"conv{number}")
        scores = keras.layers.LeakyReLU(LEAK, name=f"leak{number}")(layer(scores))
    scores = keras.layers.Conv2D(1, 3, padding="same", name="scores")(scores)
    return keras.Model(image, scores, name=f"discriminator_{gsd}m")


def iterate_power(discriminator: keras.Model) -> None:
    """One power iteration of every spectrally normalised layer."""
    for layer in discriminator.layers:
        if isinstance(layer, SpectralConv2D):
            layer.iterate()


class Evidence:
    """What the discriminator is shown of a batch: all inputs on the finest grid, their detail, and a candidate's.

    The detail of the finest input is what the mean of its surroundings leaves of it; that of a candidate is its
    difference to the upsampled bands.
    """

    def __init__(self, gsd: int):
        self.gsd = gsd
        factor = scale_factor(gsd)
        self.upsample = {f"input_{g}m": Upsample(scale_factor(g)) for g in input_gsds(gsd) if g != 10}
        self.surroundings = keras.layers.AveragePooling2D(2 * (factor // 2) + 1, 1, "same", dtype="float32")

    @property
    def bands(self) -> int:
        """Bands of the evidence."""
        inputs = sum(len(BANDS_BY_GSD[g]) for g in input_gsds(self.gsd))
        return inputs + len(BANDS_BY_GSD[10]) + len(BANDS_BY_GSD[self.gsd])

    def __call__(self, inputs: dict[str, tf.Tensor], *candidates: tf.Tensor) -> tf.Tensor:
        """Evidence of each candidate, one after the other: (candidates * B, H, W, bands)."""
        fine = inputs["input_10m"]
        upsampled = {name: upsample(inputs[name]) for name, upsample in self.upsample.items()}
        shared = [fine, DETAIL_GAIN * (fine - self.surroundings(fine)), *upsampled.values()]
        coarse = upsampled[f"input_{self.gsd}m"]
        return tf.concat(
            [tf.concat([*shared, DETAIL_GAIN * (candidate - coarse)], axis=-1) for candidate in candidates], axis=0
        )
