"""Build a classification network as a Keras model.

A body is a function of one image that holds all bands (see `bigearthnet/networks/residual.py`). `build_network` puts the
inputs at their own GSD, their normalisation and the upsampling in front of it, and one logit for each class behind it.
"""

import pkgutil
from collections.abc import Callable, Mapping, Sequence

import keras

from bigearthnet.archive.groups import group_dtype
from bigearthnet.networks.catalogue import NETWORKS, UPSAMPLINGS
from bigearthnet.networks.normalisation import Normalize
from bigearthnet.networks.upsampling import upsample_to_one_grid
from common.errors import SettingError
from common.networks.batch_normalization import BatchNormalization
from common.networks.batch_statistics import SyncBatchNormalization, replace_batch_normalisations, set_momentum
from common.networks.precision import PRECISIONS, dtype_policy
from common.pixels.upsampling import BILINEAR

# Of the moving mean and variance, as in Goyal et al. 2017 (arXiv:1706.02677). Keras' default 0.99 takes hundreds of
# steps to follow the network; on many ranks an epoch has fewer.
STATISTICS_MOMENTUM = 0.9


def build_network(
    name: str,
    shapes: Mapping[str, tuple[int, int, int]],
    classes: int,
    upsampling: str = BILINEAR,
    precision: str = "float32",
    sync_batch_norm: bool = False,
    statistics: Mapping[str, tuple[Sequence[float], Sequence[float]]] | None = None,
    dropout: float = 0.0,
) -> keras.Model:
    """Build the Keras model that predicts the classes of a patch.

    Args:
        name: one of NETWORKS.
        shapes: group -> (rows, cols, bands) of its images, such as `s2_10m` -> (120, 120, 4), `s2_20m` -> (60, 60, 6),
            `s2_60m` -> (20, 20, 2), `s1` -> (120, 120, 2). All are brought to the finest grid among them.
        classes: number of classes.
        upsampling: one of UPSAMPLINGS.
        precision: one of PRECISIONS, for everything except batch statistics and logits.
        sync_batch_norm: normalise batches with the statistics of all ranks.
        statistics: group -> means and standard deviations of its first bands. The network uses these bands only. None:
            the images are float32 and already normalised.
        dropout: share of the features that each training step leaves out before the last layer.

    Returns:
        Model from a dict of images, as stored (`group_dtype`), to logits (B, classes) float32. The sigmoid of a logit is
        the probability of its class.

    Raises:
        SettingError: unknown name, upsampling or precision.
    """
    for kind, value, known in (
        ("network", name, NETWORKS),
        ("upsampling", upsampling, UPSAMPLINGS),
        ("precision", precision, PRECISIONS),
    ):
        if value not in known:
            raise SettingError(f"unknown {kind} {value!r}; expected one of {', '.join(known)}.")
    dtypes = {group: group_dtype(group) if statistics else "float32" for group in shapes}
    inputs = {group: keras.Input(shape, name=group, dtype=dtypes[group]) for group, shape in shapes.items()}
    images = inputs
    if statistics:
        images = {
            group: Normalize(*statistics[group], name=f"{group}_normalized")(image) for group, image in inputs.items()
        }
    with dtype_policy(PRECISIONS[precision]):
        features = network_body(name)(upsample_to_one_grid(images, upsampling))
    if dropout:
        features = keras.layers.Dropout(dropout, dtype="float32", name="dropout")(features)
    logits = keras.layers.Dense(classes, dtype="float32", name="logits")(features)
    model = keras.Model(inputs, logits, name=name)
    replace_batch_normalisations(model, SyncBatchNormalization if sync_batch_norm else BatchNormalization)
    set_momentum(model, STATISTICS_MOMENTUM)
    return model


def network_body(name: str) -> Callable[[keras.KerasTensor], keras.KerasTensor]:
    """Return the function that makes the layers of a network, imported where the catalogue gives its name."""
    body = NETWORKS[name]
    return pkgutil.resolve_name(body) if isinstance(body, str) else body
