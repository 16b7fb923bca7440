"""Adversarial training of a fusion network: generator, discriminator, and the mean of the generator's weights.

As in Cavallaro et al. (JSC) and S2GAN (Zhang et al. 2019, arXiv:1912.06013) the generator is a fusion network whose
loss is a content loss and, weighted, an adversarial one; here the weight rises slowly. What is validated, saved and used
is the exponential moving average of the generator's weights, a network like any other.
"""

import logging

import keras
import tensorflow as tf

from common.training.optimizer import rank_optimizer
from superres.training.adversarial_losses import ADVERSARIAL_LOSSES, AdversarialTerms, spectral_loss
from superres.training.config import SuperresConfig
from superres.training.discriminator import Evidence, build_discriminator, iterate_power
from superres.training.losses import pixel_loss

logger = logging.getLogger(__name__)

BETA_1 = 0.5  # of both Adam optimizers: Isola et al. 2017
PINNED = 0.002  # a discriminator's accuracy this close to 0 or 1 over an epoch is a collapse
TOO_STRONG = "lower --discriminator-learning-rate"
TOO_WEAK = "raise --discriminator-learning-rate, or lower --adversarial-weight"
LOSSES = ("loss", "content_loss", "adversarial_loss", "discriminator_loss", "discriminator_accuracy")


class Gan(keras.Model):
    """A generator and its discriminator, trained together; called, it predicts with the averaged generator.

    Both are updated from one forward pass of each: one set of estimates, scored beside the truth in one batch.

    Args:
        generator: the fusion network, its weights set.
        average: a network like it, which becomes the moving average.
        config: settings of the losses and learning rates.
    """

    def __init__(self, generator: keras.Model, average: keras.Model, config: SuperresConfig):
        super().__init__(name=f"gan_{generator.name}")
        self.generator = generator
        self.average = average
        self.discriminator = build_discriminator(config.gsd)
        self.evidence = Evidence(config.gsd)
        self.adversarial_terms = ADVERSARIAL_LOSSES[config.adversarial_loss]
        self.pixel_loss = pixel_loss(config.loss, config.brightness_power)
        self.spectral_weight = config.spectral_weight
        self.decay = config.average_decay
        self.rate_ratio = config.discriminator_learning_rate / config.learning_rate
        self.adversarial_weight = keras.Variable(0.0, trainable=False, name="adversarial_weight")
        self.steps = keras.Variable(0, trainable=False, dtype="int64", name="steps")
        self.trackers = {name: keras.metrics.Mean(name) for name in LOSSES}
        average.set_weights(generator.get_weights())
        self.compile_for_ranks(config)
        self.built = True

    def compile_for_ranks(self, config: SuperresConfig) -> None:
        """Give both networks optimizers that average over ranks."""
        generator, discriminator = (
            keras.optimizers.Adam(rate, BETA_1) for rate in (config.learning_rate, config.discriminator_learning_rate)
        )
        self.discriminator_optimizer = rank_optimizer(discriminator, self.discriminator.trainable_variables, "float32")
        # XLA cannot compile Horovod's operations.
        self.compile(rank_optimizer(generator, self.generator.trainable_variables, config.precision), jit_compile=False)

    @property
    def checkpoint_groups(self) -> dict[str, list]:
        """All that a checkpoint holds; see `common/training/checkpoint.py`."""
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
        """One step of both networks on this rank's batch."""
        inputs, target, *_ = data
        iterate_power(self.discriminator)
        with tf.GradientTape(persistent=True) as tape:
            estimate = self.generator(inputs, training=True)
            content = self.content_loss(target, estimate)
            terms = self.judge(inputs, target, estimate)
            loss = content + self.adversarial_weight * terms.generator
            scaled = self.optimizer.scale_loss(loss)
        # Both before either step: neither sees the other's.
        generator_gradients = tape.gradient(scaled, self.generator.trainable_variables)
        discriminator_gradients = tape.gradient(terms.discriminator, self.discriminator.trainable_variables)
        # The discriminator's learning rate follows the schedule of the generator's.
        self.discriminator_optimizer.learning_rate.assign(self.rate_ratio * self.optimizer.learning_rate)
        self.optimizer.apply(generator_gradients, self.generator.trainable_variables)
        self.discriminator_optimizer.apply(discriminator_gradients, self.discriminator.trainable_variables)
        self.move_average()
        return self.track(loss, content, *terms)

    def content_loss(self, target: tf.Tensor, estimate: tf.Tensor) -> tf.Tensor:
        """The pixel loss, and the weighted spectral term."""
        loss = self.pixel_loss(target, estimate)
        return loss + self.spectral_weight * spectral_loss(target, estimate) if self.spectral_weight else loss

    def judge(self, inputs: dict[str, tf.Tensor], target: tf.Tensor, estimate: tf.Tensor) -> AdversarialTerms:
        """Score truth and estimate."""
        scores = self.discriminator(self.evidence(inputs, target, estimate), training=True)
        return self.adversarial_terms(*tf.split(scores, 2))

    def move_average(self) -> None:
        """average <- d * average + (1 - d) * generator; d grows to its value, so that the first weights fade soon."""
        self.steps.assign_add(1)
        steps = tf.cast(self.steps.value, tf.float32)
        share = 1 - tf.minimum(self.decay, (1 + steps) / (10 + steps))
        for mean, variable in zip(self.average.variables, self.generator.variables, strict=True):
            mean.assign_add(share * (variable - mean))

    def track(self, *values: tf.Tensor) -> dict[str, tf.Tensor]:
        """Take in the values of a step, in the order of LOSSES; the means of the epoch so far."""
        for tracker, value in zip(self.trackers.values(), values, strict=True):
            tracker.update_state(value)
        return {name: tracker.result() for name, tracker in self.trackers.items()}


class Adversary(keras.callbacks.Callback):
    """Sets the adversarial weight step by step, and reports a discriminator that no longer teaches.

    0 for `pretrain_epochs`, in which the discriminator trains and the generator knows the content loss alone; then it
    rises linearly for `ramp_epochs`. It depends on the step alone, so a run that is resumed goes on with it.
    """

    def __init__(self, config: SuperresConfig):
        super().__init__()
        self.full = config.adversarial_weight
        self.start = config.pretrain_epochs
        self.ramp = config.ramp_epochs

    def weight(self, epochs: float) -> float:
        """The weight after so many epochs, parts of one included."""
        if epochs < self.start:
            return 0.0
        return self.full * min(1.0, (epochs - self.start) / self.ramp) if self.ramp else self.full

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.epoch = epoch

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        weight = self.weight(self.epoch + batch / self.params["steps"])
        if weight != getattr(self, "current", None):
            self.model.adversarial_weight.assign(weight)
            self.current = weight

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        logs["adversarial_weight"] = self.current
        accuracy = logs["discriminator_accuracy"]
        collapsed = self.current > 0 and not PINNED < accuracy < 1 - PINNED
        logs["collapsed"] = float(collapsed)
        if collapsed:
            logger.warning(
                "the discriminator's accuracy was %.3f all through epoch %d, so the generator learns nothing from it: %s",
                accuracy,
                epoch + 1,
                TOO_STRONG if accuracy > 0.5 else TOO_WEAK,
            )


def stays_close(rows: list[dict], tolerance: float) -> bool:
    """Is the newest epoch good enough to be kept: validation RMSE at most `tolerance` times the lowest so far?

    The lowest error itself is no guide: it belongs to the smoothest estimate, from before the adversarial weight rose.
    """
    errors = [row["val_rmse"] for row in rows if "val_rmse" in row]
    return not errors or errors[-1] <= tolerance * min(errors)
