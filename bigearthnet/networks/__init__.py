"""The classification networks, chosen by name.

A network is a function of one image that holds all bands (see `bigearthnet/networks/residual.py`); `build_network` puts
the inputs at their own GSD and the way to one grid in front of it, and one logit a class behind it.
"""

from collections.abc import Callable, Mapping, Sequence

import keras

from bigearthnet.archive.groups import group_dtype
from bigearthnet.networks import applications, residual
from bigearthnet.networks.grid import UPSAMPLINGS, to_one_grid
from bigearthnet.networks.normalisation import Normalize
from common.errors import SettingError
from common.networks.batch_statistics import set_momentum, synchronise
from common.networks.precision import dtype_policy

# Keras dtype policies: variables stay float32.
PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}

# Of the moving mean and variance, as in Goyal et al. 2017 (arXiv:1706.02677). Keras' 0.99 needs hundreds of steps, and
# on many ranks an epoch has few: until then validation sees statistics that belong to no network.
STATISTICS_MOMENTUM = 0.9

# name -> image (B, H, W, bands) -> features (B, F)
NETWORKS: dict[str, Callable[[keras.KerasTensor], keras.KerasTensor]] = {
    "small": residual.small,
    "resnet18": residual.resnet18,
    "resnet50": applications.resnet50,
    "efficientnetv2b0": applications.efficientnetv2b0,
    "convnexttiny": applications.convnexttiny,
}


def build_network(
    name: str,
    shapes: Mapping[str, tuple[int, int, int]],
    classes: int,
    resampling: str = "bilinear",
    precision: str = "float32",
    sync_batch_norm: bool = False,
    statistics: Mapping[str, tuple[Sequence[float], Sequence[float]]] | None = None,
) -> keras.Model:
    """A Keras model that tells which classes a patch holds.

    Args:
        name: one of NETWORKS.
        shapes: input -> (rows, cols, bands), such as `s2_10m` -> (120, 120, 4), `s2_20m` -> (60, 60, 6), `s2_60m` ->
            (20, 20, 2), `s1` -> (120, 120, 2); the finest is the grid that all are brought to.
        classes: number of classes.
        resampling: one of UPSAMPLINGS, the way to one grid.
        precision: one of PRECISIONS, of all but batch statistics and logits.
        sync_batch_norm: normalise batches with the statistics of all ranks.
        statistics: input -> means and deviations of its first bands, which are all that the network sees; None: inputs
            are normalised, float32.

    Returns:
        Model from a dict of these inputs, as stored (`group_dtype`), to logits (B, classes) float32; their sigmoid is the
        probability of each class.

    Raises:
        SettingError: unknown name, resampling or precision.
    """
    for kind, value, known in (
        ("network", name, NETWORKS),
        ("resampling", resampling, UPSAMPLINGS),
        ("precision", precision, PRECISIONS),
    ):
        if value not in known:
            raise SettingError(f"unknown {kind} {value!r}; expected one of {', '.join(known)}.")
    dtypes = {key: group_dtype(key) if statistics else "float32" for key in shapes}
    inputs = {key: keras.Input(shape, name=key, dtype=dtypes[key]) for key, shape in shapes.items()}
    images = inputs
    if statistics:
        images = {key: Normalize(*statistics[key], name=f"{key}_normalized")(image) for key, image in inputs.items()}
    with dtype_policy(PRECISIONS[precision]):
        features = NETWORKS[name](to_one_grid(images, resampling))
    logits = keras.layers.Dense(classes, dtype="float32", name="logits")(features)
    model = keras.Model(inputs, logits, name=name)
    model = synchronise(model) if sync_batch_norm else model
    set_momentum(model, STATISTICS_MOMENTUM)
    return model
