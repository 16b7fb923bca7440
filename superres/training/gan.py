"""Adversarial training of a fusion network: generator, discriminator, and the moving average of the generator's weights.

As in Cavallaro et al. (JSC) and S2GAN (Zhang et al. 2019, arXiv:1912.06013), the generator is a fusion network. Its loss
is a content loss plus a weighted adversarial loss; here the weight rises slowly. The exponential moving average of the
generator's weights is validated, saved and used for prediction. It is a fusion network like any other.
"""

import keras
import tensorflow as tf

from common.training.optimizer import mean_gradients, rank_optimizer
from superres.training.adversarial_losses import ADVERSARIAL_LOSSES, AdversarialTerms, spectral_loss
from superres.training.config import SuperresConfig
from superres.training.discriminator import DiscriminatorInput, build_discriminator, iterate_power
from superres.training.losses import pixel_loss

BETA_1 = 0.5  # of both Adam optimizers: Isola et al. 2017
LOSSES = ("loss", "content_loss", "adversarial_loss", "discriminator_loss", "discriminator_accuracy")  # logged


class Gan(keras.Model):
    """A generator and its discriminator, which train together. Calling the model predicts with the averaged generator.

    One training step makes one set of estimates, scores targets and estimates in one batch, and updates both networks.

    Args:
        generator: the fusion network, with its start weights.
        average: a model of the same network; it becomes the moving average.
        config: settings of the losses and the optimizers.
    """

    def __init__(self, generator: keras.Model, average: keras.Model, config: SuperresConfig):
        super().__init__(name=f"gan_{generator.name}")
        self.generator = generator
        self.average = average
        self.discriminator = build_discriminator(config.gsd)
        self.discriminator_input = DiscriminatorInput(config.gsd)
        self.adversarial_terms = ADVERSARIAL_LOSSES[config.adversarial_loss]
        self.pixel_loss = pixel_loss(config.loss, config.brightness_power, config.brightness_ceiling)
        self.spectral_weight = config.spectral_weight
        self.average_decay = config.average_decay
        self.accumulate = config.accumulate
        self.rate_ratio = config.discriminator_learning_rate / config.learning_rate
        self.adversarial_weight = keras.Variable(0.0, trainable=False, name="adversarial_weight")
        self.steps = keras.Variable(0, trainable=False, dtype="int64", name="steps")
        self.epoch_means = {name: keras.metrics.Mean(name) for name in LOSSES}
        average.set_weights(generator.get_weights())
        self.compile_for_ranks(config)
        self.built = True

    def compile_for_ranks(self, config: SuperresConfig) -> None:
        """Give both networks an Adam optimizer that averages gradients over ranks."""
        generator, discriminator = (
            keras.optimizers.Adam(rate, BETA_1) for rate in (config.learning_rate, config.discriminator_learning_rate)
        )
        self.discriminator_optimizer = rank_optimizer(
            discriminator, self.discriminator.trainable_variables, "float32", config.gradient_precision
        )
        optimizer = rank_optimizer(
            generator, self.generator.trainable_variables, config.precision, config.gradient_precision
        )
        # XLA cannot compile Horovod's operations.
        self.compile(optimizer, jit_compile=False)

    @property
    def checkpoint_groups(self) -> dict[str, list]:
        """Name -> variables of all groups in a checkpoint; see `common/training/checkpoints/checkpoint.py`."""
        return {
            "weights": self.generator.variables,
            "optimizer": self.optimizer.variables,
            "average": [*self.average.variables, self.steps],
            "discriminator": self.discriminator.variables,
            "discriminator_optimizer": self.discriminator_optimizer.variables,
        }

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        return self.average(inputs, training=training)

    def train_step(self, data: tuple[dict[str, tf.Tensor], tf.Tensor]) -> dict[str, tf.Tensor]:
        """Train both networks on the patches of one step of this rank; return the means of LOSSES in this epoch so far."""
        iterate_power(self.discriminator)
        generator, discriminator = self.generator.trainable_variables, self.discriminator.trainable_variables
        # Compute all gradients before the first update, so that neither network reacts to the other's new weights.
        gradients = mean_gradients(self.gradients, [*generator, *discriminator], data[:2], self.accumulate)
        # The discriminator's learning rate follows the schedule of the generator's.
        self.discriminator_optimizer.learning_rate.assign(self.rate_ratio * self.optimizer.learning_rate)
        self.optimizer.apply(gradients[: len(generator)], generator)
        self.discriminator_optimizer.apply(gradients[len(generator) :], discriminator)
        self.update_average()
        return {name: mean.result() for name, mean in self.epoch_means.items()}

    def gradients(self, batch: tuple[dict[str, tf.Tensor], tf.Tensor]) -> list[tf.Tensor]:
        """Return the gradients of the generator, then of the discriminator, for a batch; add its losses to the means."""
        inputs, target = batch
        with tf.GradientTape(persistent=True) as tape:
            estimate = self.generator(inputs, training=True)
            content = self.content_loss(target, estimate)
            terms = self.adversarial_losses(inputs, target, estimate)
            loss = content + self.adversarial_weight * terms.generator
            scaled_loss = self.optimizer.scale_loss(loss)
        for mean, value in zip(self.epoch_means.values(), (loss, content, *terms), strict=True):  # the order of LOSSES
            mean.update_state(value, tf.shape(target)[0])  # weighted by patches, as Keras does for other networks
        return [
            *tape.gradient(scaled_loss, self.generator.trainable_variables),
            *tape.gradient(terms.discriminator, self.discriminator.trainable_variables),
        ]

    def content_loss(self, target: tf.Tensor, estimate: tf.Tensor) -> tf.Tensor:
        """Return the pixel loss plus the weighted spectral loss, (B, H, W, bands) -> scalar."""
        loss = self.pixel_loss(target, estimate)
        return loss + self.spectral_weight * spectral_loss(target, estimate) if self.spectral_weight else loss

    def adversarial_losses(
        self, inputs: dict[str, tf.Tensor], target: tf.Tensor, estimate: tf.Tensor
    ) -> AdversarialTerms:
        """Score target and estimate, and return the adversarial losses."""
        scores = self.discriminator(self.discriminator_input(inputs, target, estimate), training=True)
        return self.adversarial_terms(*tf.split(scores, 2))

    def update_average(self) -> None:
        """Set average = d * average + (1 - d) * generator. d is small in the first steps, so that start weights fade fast."""
        self.steps.assign_add(1)
        steps = tf.cast(self.steps.value, tf.float32)
        share = 1 - tf.minimum(self.average_decay, (1 + steps) / (10 + steps))
        for mean, variable in zip(self.average.variables, self.generator.variables, strict=True):
            mean.assign_add(share * (variable - mean))
