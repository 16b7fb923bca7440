"""The weight of the adversarial loss during a training, a warning when training collapses, and the choice of weights to save."""

import logging

import keras

from superres.training.config import SuperresConfig

logger = logging.getLogger(__name__)

COLLAPSE_ACCURACY = 0.002  # an epoch's accuracy this close to 0 or 1 is a collapse
TOO_STRONG = "lower --discriminator-learning-rate"
TOO_WEAK = "raise --discriminator-learning-rate, or lower --adversarial-weight"


class AdversarialWeight(keras.callbacks.Callback):
    """Set the adversarial weight of a `Gan` before each step, and log a warning if the discriminator collapses.

    The weight is 0 for `pretrain_epochs`: the discriminator trains, and the generator minimises the content loss alone.
    Then the weight rises linearly for `ramp_epochs`. It depends only on the step, so that a resumed run continues it.

    Args:
        config: settings of the schedule.
    """

    def __init__(self, config: SuperresConfig):
        super().__init__()
        self.full_weight = config.adversarial_weight
        self.pretrain_epochs = config.pretrain_epochs
        self.ramp_epochs = config.ramp_epochs
        self.weight = None

    def weight_at(self, epochs: float) -> float:
        """Return the weight after a number of epochs, which may be a fraction."""
        if epochs < self.pretrain_epochs:
            return 0.0
        if not self.ramp_epochs:
            return self.full_weight
        return self.full_weight * min(1.0, (epochs - self.pretrain_epochs) / self.ramp_epochs)

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.epoch = epoch

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        weight = self.weight_at(self.epoch + batch / self.params["steps"])
        if weight != self.weight:
            self.model.adversarial_weight.assign(weight)
            self.weight = weight

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        logs["adversarial_weight"] = self.weight
        accuracy = logs["discriminator_accuracy"]
        collapsed = self.weight > 0 and not COLLAPSE_ACCURACY < accuracy < 1 - COLLAPSE_ACCURACY
        logs["collapsed"] = float(collapsed)
        if collapsed:
            logger.warning(
                "adversarial training collapsed: the discriminator's accuracy in epoch %d was %.3f, and the generator "
                "learns nothing from such a discriminator; %s",
                epoch + 1,
                accuracy,
                TOO_STRONG if accuracy > 0.5 else TOO_WEAK,
            )


def is_close_to_best(rows: list[dict], tolerance: float) -> bool:
    """Return whether the newest epoch's validation RMSE is at most `tolerance` times the lowest so far.

    The epoch with the lowest RMSE is not the one to keep: it has the smoothest estimates, because its adversarial weight
    was still low. Without validation, every epoch is close enough.

    Args:
        rows: rows of the history so far, one an epoch.
        tolerance: at least 1.
    """
    errors = [row["val_rmse"] for row in rows if "val_rmse" in row]
    return not errors or errors[-1] <= tolerance * min(errors)
