"""Networks as built: shapes, parameter counts, precision, normalisation, one training step."""

import keras
import numpy as np
import pytest

from bigearthnet.networks.build import STATISTICS_MOMENTUM, build_network
from bigearthnet.networks.catalogue import NETWORKS, UPSAMPLINGS
from bigearthnet.training.config import BigEarthNetConfig
from common.errors import SettingError
from common.metrics.multilabel import count_decisions, f1_from_counts
from common.networks.batch_normalization import BatchNormalization
from common.networks.batch_statistics import SyncBatchNormalization
from common.training.optimizer import build_optimizer, compile_model
from tests.support.made_patches import tiny_network

SHAPES = {"s2_10m": (120, 120, 4), "s2_20m": (60, 60, 6), "s2_60m": (20, 20, 2)}
# With 12 bands and 19 classes. ResNet50: 23,587,712 of Keras without its last layer, 9 more bands of 7 x 7 x 64
# weights, and 2049 * 19; the others are counted from their definition in the same way by Keras itself.
PARAMETERS = {
    "small": 77_203,
    "resnet18": 11_224_083,
    "resnet50": 23_587_712 + 9 * 49 * 64 + 2049 * 19,
    "efficientnetv2b0": 5_946_243,
    "convnexttiny": 27_848_563,
}


def random_inputs(shapes: dict, patches: int = 2, seed: int = 0) -> dict[str, np.ndarray]:
    """Normalised images of some patches, float32."""
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=(patches, *shape)).astype(np.float32) for name, shape in shapes.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(NETWORKS))
def test_parameters_and_logits(name: str) -> None:
    model = build_network(name, SHAPES, 19)
    assert model.count_params() == PARAMETERS[name]
    logits = model(random_inputs(SHAPES))
    assert logits.shape == (2, 19) and np.isfinite(logits).all()
    types = [type(layer) for layer in model._flatten_layers()]
    assert keras.layers.BatchNormalization not in types
    assert (BatchNormalization in types) == (name != "convnexttiny")  # which normalises layers


@pytest.mark.parametrize(
    "shapes",
    [
        SHAPES,
        {"s2_10m": (120, 120, 3)},
        {"s1": (120, 120, 2)},
        SHAPES | {"s1": (120, 120, 2)},
        SHAPES | {"s2_20m": (120, 120, 6)},
    ],
    ids=["s2", "rgb", "s1", "s1s2", "super-resolved"],
)
def test_any_bands(shapes: dict) -> None:
    assert build_network("small", shapes, 5)(random_inputs(shapes)).shape == (2, 5)


@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_step_lowers_the_loss(upsampling: str, precision: str) -> None:
    shapes = {"s2_10m": (24, 24, 4), "s2_20m": (12, 12, 6), "s2_60m": (4, 4, 2)}
    model = build_network("small", shapes, 3, upsampling, precision)
    inputs, labels = random_inputs(shapes, 4), np.eye(4, 3, dtype=np.float32)
    assert model(inputs).dtype == np.float32
    assert keras.config.dtype_policy().name == "float32"  # as it was
    model.compile(
        keras.optimizers.SGD(0.01),
        keras.losses.BinaryCrossentropy(from_logits=True),
        run_eagerly=True,
        jit_compile=False,
    )
    losses = [float(model.train_on_batch(inputs, labels)) for _ in range(3)]
    assert losses[2] < losses[0]


def test_all_batch_normalisations_are_synchronised() -> None:
    model = build_network("small", SHAPES, 3, sync_batch_norm=True)
    types = [type(layer) for layer in model._flatten_layers()]
    assert SyncBatchNormalization in types
    assert keras.layers.BatchNormalization not in types
    assert model.count_params() == build_network("small", SHAPES, 3).count_params()


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"name": "vgg"}, "unknown network 'vgg'; expected one of small, resnet18, resnet50"),
        ({"upsampling": "nearest"}, "unknown upsampling 'nearest'; expected one of bilinear, bicubic, stem"),
        ({"precision": "int8"}, "unknown precision 'int8'"),
    ],
)
def test_unknown_names(settings: dict, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        build_network(**{"name": "small", "shapes": SHAPES, "classes": 3, **settings})


def test_bands_as_stored_are_normalised_first() -> None:
    """The model takes uint16 and float32, and uses the bands that the statistics name, at any precision."""
    shapes = {"s2_10m": (24, 24, 4), "s1": (24, 24, 2)}
    rng = np.random.default_rng(0)
    stored = {
        "s2_10m": rng.integers(1, 9000, (2, 24, 24, 4), dtype=np.uint16),
        "s1": rng.normal(-12, 5, (2, 24, 24, 2)),
    }
    statistics = {"s2_10m": ((400.0, 600.0, 590.0), (500.0, 600.0, 700.0)), "s1": ((-12.0, -19.0), (5.0, 6.0))}
    by_hand = {
        name: ((stored[name][..., : len(mean)] - np.array(mean)) / np.array(deviation)).astype(np.float32)
        for name, (mean, deviation) in statistics.items()
    }
    for precision in ("float32", "bfloat16"):
        model = build_network("small", shapes, 3, "stem", precision, sync_batch_norm=True, statistics=statistics)
        bare = build_network("small", {"s2_10m": (24, 24, 3), "s1": (24, 24, 2)}, 3, "stem", precision)
        bare.set_weights(model.get_weights())
        assert {image.name: image.dtype for image in model.inputs} == {"s2_10m": "uint16", "s1": "float32"}
        np.testing.assert_allclose(model(stored), bare(by_hand), atol=1e-4 if precision == "float32" else 0.05)


def test_a_body_can_be_a_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "own", tiny_network)
    model = build_network("own", SHAPES, 3)
    assert model.name == "own"
    assert model.get_layer("first").kernel.shape == (12, 12, 12, 8)


def test_moving_statistics_follow_within_an_epoch() -> None:
    for sync_batch_norm in (False, True):
        model = build_network("small", SHAPES, 3, sync_batch_norm=sync_batch_norm)
        momenta = {layer.momentum for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)}
        assert momenta == {STATISTICS_MOMENTUM}


def test_dropout_leaves_out_features_in_training_only() -> None:
    model = build_network("small", SHAPES, 3, dropout=0.5)
    assert model.count_params() == build_network("small", SHAPES, 3).count_params()
    inputs = random_inputs(SHAPES)
    np.testing.assert_array_equal(model(inputs), model(inputs))
    assert len(model.variables) == len(build_network("small", SHAPES, 3).variables) + 1  # the state of its seed
    assert model.get_layer("dropout").rate == 0.5
    assert not np.array_equal(model.get_layer("dropout")(np.ones((1, 64)), training=True), np.ones((1, 64)))


def test_bfloat16_learns_like_float32_with_weights_statistics_and_loss_in_float32() -> None:
    """A class is present where its band is bright."""
    rng = np.random.default_rng(0)
    labels = (rng.random((64, 3)) < 0.5).astype(np.float32)
    images = {"s2_10m": rng.normal(size=(64, 24, 24, 3)).astype(np.float32) + labels[:, None, None]}
    scores = {}
    for precision in ("float32", "bfloat16"):
        keras.utils.set_random_seed(0)
        model = build_network("small", {"s2_10m": (24, 24, 3)}, 3, precision=precision)
        optimizer = build_optimizer(BigEarthNetConfig(data="none", learning_rate=0.01))
        compile_model(model, optimizer, keras.losses.BinaryCrossentropy(from_logits=True), precision)
        model.fit(images, labels, batch_size=16, epochs=8, verbose=0)
        logits = model.predict_on_batch(images)
        assert logits.dtype == np.float32  # and so is the loss, which is computed from them
        assert {variable.dtype for variable in (*model.weights, *model.optimizer.variables[2:])} == {"float32"}
        counts = count_decisions(labels, logits > 0)
        scores[precision] = f1_from_counts(counts)["f1_macro"]
    assert min(scores.values()) > 0.95, scores
