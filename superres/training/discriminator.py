"""The discriminator of adversarial training: it scores whether a candidate is the target that belongs to the inputs.

It scores overlapping parts of a patch (Isola et al. 2017, arXiv:1611.07004) and reads the inputs beside the candidate.
All convolutions except the last are spectrally normalised (Miyato et al. 2018, arXiv:1802.05957); the last is not, so
that scores can have any scale. Such layers amplify little, and targets and estimates differ by about a hundredth of a
network unit. The discriminator therefore reads only the difference of the candidate to the upsampled bands, multiplied
by DETAIL_GAIN, and starts from orthogonal kernels, whose singular values are all equal.

418,689 parameters for 20 m. It computes in float32 at any --precision.
"""

import keras
import tensorflow as tf

from common.networks.upsample import Upsample
from common.pixels.sentinel2 import BANDS_BY_GSD, input_gsds, scale_factor

DETAIL_GAIN = 20.0  # a network unit becomes 100 DN, about the size of spatial detail
LEAK = 0.2
# Features and stride of the 3 x 3 convolutions before the last.
TRUNK = ((64, 1), (64, 2), (128, 1), (128, 2), (128, 1))
PART_PX = 29  # rows and columns of the discriminator's input that a score depends on


class SpectralConv2D(keras.layers.Conv2D):
    """A convolution with the kernel W / s(W), where s is the largest singular value of W as (rows * cols * in, out).

    s is estimated as |W u|. `iterate` improves u by one power iteration. Call it once a training step, so that all
    passes of a step use the same kernel. Unlike `keras.layers.SpectralNormalization`, which overwrites W, gradients
    pass through s, as in the paper.
    """

    def build(self, input_shape: tuple) -> None:
        super().build(input_shape)
        start = keras.initializers.Constant(self.filters**-0.5)
        self.direction = self.add_weight(shape=(self.filters,), initializer=start, trainable=False, name="direction")

    def iterate(self) -> None:
        """Replace u by W' W u, scaled to length 1. All ranks get the same u, because W is the same."""
        matrix = tf.reshape(self.kernel, (-1, self.filters))
        product = tf.linalg.matvec(matrix, tf.linalg.matvec(matrix, self.direction.value), transpose_a=True)
        self.direction.assign(tf.math.l2_normalize(product))

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        matrix = tf.reshape(kernel, (-1, self.filters))
        return super().convolution_op(inputs, kernel / tf.norm(tf.linalg.matvec(matrix, self.direction.value)))


def build_discriminator(gsd: int) -> keras.Model:
    """Build the discriminator: stack of a `DiscriminatorInput` (B, H, W, C) -> scores (B, H / 4, W / 4, 1), float32.

    Scores are unbounded. gsd is the native GSD in metres of the bands to sharpen.
    """
    stack = keras.Input((None, None, DiscriminatorInput(gsd).bands), name="stack")
    features = stack
    for number, (filters, stride) in enumerate(TRUNK, start=1):
        layer = SpectralConv2D(filters, 3, stride, "same", kernel_initializer="orthogonal", name=f"conv{number}")
        features = keras.layers.LeakyReLU(LEAK, name=f"leak{number}")(layer(features))
    scores = keras.layers.Conv2D(1, 3, padding="same", name="scores")(features)
    return keras.Model(stack, scores, name=f"discriminator_{gsd}m")


def iterate_power(discriminator: keras.Model) -> None:
    """Do one power iteration in every spectrally normalised layer."""
    for layer in discriminator.layers:
        if isinstance(layer, SpectralConv2D):
            layer.iterate()


class DiscriminatorInput:
    """Stacks the bands that the discriminator reads: all inputs on the finest grid, their detail, a candidate's detail.

    The detail of the finest input is its difference to the mean of the surrounding pixels. The detail of a candidate is
    its difference to the upsampled bands.

    Args:
        gsd: native GSD in metres of the bands to sharpen.
    """

    def __init__(self, gsd: int):
        self.gsd = gsd
        factor = scale_factor(gsd)
        self.upsample = {f"input_{g}m": Upsample(scale_factor(g)) for g in input_gsds(gsd) if g != 10}
        self.surroundings = keras.layers.AveragePooling2D(2 * (factor // 2) + 1, 1, "same", dtype="float32")

    @property
    def bands(self) -> int:
        """Number of bands in a stack."""
        inputs = sum(len(BANDS_BY_GSD[g]) for g in input_gsds(self.gsd))
        return inputs + len(BANDS_BY_GSD[10]) + len(BANDS_BY_GSD[self.gsd])

    def __call__(self, inputs: dict[str, tf.Tensor], *candidates: tf.Tensor) -> tf.Tensor:
        """Return the stack of each candidate, one candidate after the other on the first axis.

        Args:
            inputs: as for a fusion network.
            candidates: (B, H, W, bands of gsd) each, float32 in network units.

        Returns:
            (candidates * B, H, W, bands) float32.
        """
        fine = inputs["input_10m"]
        upsampled = {name: upsample(inputs[name]) for name, upsample in self.upsample.items()}
        shared = [fine, DETAIL_GAIN * (fine - self.surroundings(fine)), *upsampled.values()]
        coarse = upsampled[f"input_{self.gsd}m"]
        return tf.concat(
            [tf.concat([*shared, DETAIL_GAIN * (candidate - coarse)], axis=-1) for candidate in candidates], axis=0
        )
