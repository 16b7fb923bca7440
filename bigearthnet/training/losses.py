"""Losses of multi-label classification; lower is better.

Each takes labels y (B, C) of 0 and 1, and logits z (B, C) with p = sigmoid(z). It averages over patches and classes. Most
patches lack most classes, so that absent classes dominate plain cross-entropy; the other losses weigh against that.
"""

import keras
import numpy as np
import tensorflow as tf

from bigearthnet.training.config import LOSSES
from common.errors import SettingError

HIGHEST_WEIGHT = 100.0  # of a present class: the weight of a class that one in a hundred patches holds


def build_loss(
    name: str, class_counts: np.ndarray, patches: int, gamma: float | None = None, margin: float = 0.05
) -> keras.losses.Loss:
    """Return a loss by name.

    Args:
        name: one of LOSSES.
        class_counts: (C,) number of training patches that hold each class.
        patches: number of training patches.
        gamma: exponent of `focal` (2 if None), or of `asymmetric` for absent classes (4 if None).
        margin: of `asymmetric`.

    Raises:
        SettingError: unknown name.
    """
    if name == "bce":
        return keras.losses.BinaryCrossentropy(from_logits=True)
    if name == "weighted":
        return WeightedCrossEntropy(present_weights(class_counts, patches))
    if name == "focal":
        return keras.losses.BinaryFocalCrossentropy(
            apply_class_balancing=True, alpha=0.25, from_logits=True, gamma=2.0 if gamma is None else gamma
        )
    if name == "asymmetric":
        return AsymmetricLoss(gamma_negative=4.0 if gamma is None else gamma, margin=margin)
    raise SettingError(f"unknown loss {name!r}; expected one of {', '.join(LOSSES)}.")


def present_weights(class_counts: np.ndarray, patches: int) -> np.ndarray:
    """Return the weight of the presence of each class, (C,) float32: absent / present patches, from 1 to HIGHEST_WEIGHT.

    No weight is below 1, so that a frequent class counts as much as without weights.
    """
    counts = np.asarray(class_counts, dtype=np.float64)
    return np.clip((patches - counts) / np.maximum(counts, 1), 1, HIGHEST_WEIGHT).astype(np.float32)


@keras.saving.register_keras_serializable("jeoparda")
class WeightedCrossEntropy(keras.losses.Loss):
    """Binary cross-entropy in which the presence of class c has weight w_c: -[w_c y log p + (1 - y) log(1 - p)].

    Args:
        weights: (C,), see `present_weights`.
    """

    def __init__(self, weights: np.ndarray, name: str = "weighted", **kwargs):
        super().__init__(name=name, **kwargs)
        self.weights = [float(weight) for weight in weights]

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        labels = tf.cast(y_true, y_pred.dtype)
        weights = tf.constant(self.weights, y_pred.dtype)
        return tf.reduce_mean(tf.nn.weighted_cross_entropy_with_logits(labels, y_pred, weights), axis=-1)

    def get_config(self) -> dict:
        return {**super().get_config(), "weights": self.weights}


@keras.saving.register_keras_serializable("jeoparda")
class AsymmetricLoss(keras.losses.Loss):
    """Asymmetric loss: -[y (1 - p)^g+ log p + (1 - y) p_m^g- log(1 - p_m)], with p_m = max(p - m, 0).

    Ridnik et al., Asymmetric Loss for Multi-Label Classification, ICCV 2021 (arXiv:2009.14119), equations 4 to 7. An
    absent class with p < m adds nothing; other absent classes add less the smaller p is. Defaults as in the paper:
    g+ = 0, g- = 4, m = 0.05. With g+ = g- = m = 0 it is plain cross-entropy.

    Args:
        gamma_negative, gamma_positive: g- and g+, exponents for absent and present classes.
        margin: m.
    """

    def __init__(
        self,
        gamma_negative: float = 4.0,
        gamma_positive: float = 0.0,
        margin: float = 0.05,
        name: str = "asymmetric",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        self.gamma_negative, self.gamma_positive, self.margin = gamma_negative, gamma_positive, margin

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        labels = tf.cast(y_true, y_pred.dtype)
        present = -tf.math.log_sigmoid(y_pred)
        if self.gamma_positive:
            present *= tf.sigmoid(-y_pred) ** self.gamma_positive
        # 1 - p_m = min(1 - p + m, 1), from 1 - p = sigmoid(-z), which keeps its digits where p is near 1.
        remaining = tf.minimum(tf.sigmoid(-y_pred) + self.margin, 1.0)
        absent = -tf.math.log(tf.maximum(remaining, keras.backend.epsilon()))
        if self.gamma_negative:
            absent *= (1.0 - remaining) ** self.gamma_negative
        return tf.reduce_mean(labels * present + (1 - labels) * absent, axis=-1)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "gamma_negative": self.gamma_negative,
            "gamma_positive": self.gamma_positive,
            "margin": self.margin,
        }
