"""OpenVINO computes the same as Keras, for images of any size, and only the chosen convolutions in bfloat16."""

import sys

import keras
import numpy as np
import pytest

from common.errors import SettingError
from common.networks.openvino_network import (
    STAYS_FLOAT32,
    bfloat16_operations,
    compile_with_openvino,
    convert,
    float32_copy,
    inner_layers,
    keep_float32,
    settings,
)

pytest.importorskip("openvino", reason="OpenVINO is not installed")

MARK = f"{STAYS_FLOAT32['name']}_{STAYS_FLOAT32['version']}"


def network(dtype: str = "float32") -> keras.Model:
    """A network with one residual block, whose two convolutions compute in `dtype`."""

    def convolution(name: str, dtype: str = "float32", **kwargs) -> keras.layers.Conv2D:
        return keras.layers.Conv2D(8, 3, padding="same", dtype=dtype, name=name, bias_initializer="normal", **kwargs)

    image = keras.Input((None, None, 8), name="image")
    trunk = convolution("first", activation="relu")(image)
    branch = convolution("conv2", dtype)(convolution("conv1", dtype, activation="relu")(trunk))
    branch = keras.layers.Rescaling(0.1, dtype="float32")(branch)
    trunk = keras.layers.Add(dtype="float32")([trunk, branch])
    return keras.Model({"image": image}, convolution("last")(trunk), name="small")


def image(rows: int, cols: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 2, (rows, cols, 8)).astype(np.float32)


def test_sizes_may_differ_from_call_to_call():
    """A result stays as it is when the function is called again. The image may be a part of a larger one."""
    model = network()
    predict = compile_with_openvino(model)
    images = [image(12, 20), image(30, 8), image(12, 20)[::-1]]
    results = [predict({"image": one}) for one in images]
    for one, result in zip(images, results, strict=True):
        expected = np.asarray(model({"image": one[None]}))[0]
        assert result.dtype == np.float32
        np.testing.assert_allclose(result, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_float32_is_demanded():
    """Processors with bfloat16 would otherwise compute float32 networks in it."""
    assert settings(in_bfloat16=False)["INFERENCE_PRECISION_HINT"] == "f32"


def test_only_the_chosen_convolutions_leave_float32():
    """Also with their biases and the ReLU, but not the sum of trunk and branch. The marks change no result in float32."""
    mixed = network("mixed_bfloat16")
    converted = convert(mixed)
    kernels = [np.asarray(mixed.get_layer(name).kernel) for name in ("conv1", "conv2")]
    marked = keep_float32(converted, bfloat16_operations(converted, kernels))
    operations = [
        node for node in marked.get_ordered_ops() if node.get_type_name() not in ("Constant", "Parameter", "Result")
    ]
    free = sorted(node.get_type_name() for node in operations if MARK not in dict(node.get_rt_info()))
    assert free == ["Add", "Add", "Convolution", "Convolution", "Relu"]
    assert sum(node.get_type_name() == "Convolution" for node in operations) == 4


def test_a_mixed_network_stays_near_float32():
    """Where the processor has no bfloat16, OpenVINO computes in float32, and the results are those of float32."""
    mixed, plain = network("mixed_bfloat16"), network()
    plain.set_weights(mixed.get_weights())
    expected = np.asarray(plain({"image": image(12, 12)[None]}))[0]
    result = compile_with_openvino(mixed)({"image": image(12, 12)})
    np.testing.assert_allclose(result, expected, rtol=0, atol=0.01 * np.abs(expected).max())


def mean_and_spread(members: list[keras.Model]) -> keras.Model:
    """A model that holds other models, as that of an ensemble does."""
    for number, member in enumerate(members):
        member.name = f"member{number}"
    inputs = members[0].input
    outputs = keras.ops.stack([member(inputs) for member in members])
    both = keras.ops.concatenate([keras.ops.mean(outputs, axis=0), keras.ops.std(outputs, axis=0)], axis=-1)
    return keras.Model(inputs, both, name="ensemble")


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_models_inside_a_model(dtype):
    """Their layers in bfloat16 are found, too: two convolutions of each member."""
    ensemble = mean_and_spread([network(dtype), network(dtype)])
    reduced = [layer for layer in inner_layers(ensemble) if layer.compute_dtype == "bfloat16"]
    assert len(reduced) == (0 if dtype == "float32" else 4)
    plain = float32_copy(ensemble) if reduced else ensemble
    expected = np.asarray(plain({"image": image(12, 20)[None]}))[0]
    result = compile_with_openvino(ensemble)({"image": image(12, 20)})
    np.testing.assert_allclose(result, expected, rtol=0, atol=(0.01 if reduced else 1e-5) * np.abs(expected).max())


def test_kernels_that_are_not_in_the_network_or_there_twice():
    twin = network()
    twin.get_layer("last").kernel.assign(twin.get_layer("first").kernel)
    converted = convert(twin)
    with pytest.raises(ValueError, match="0 convolutions have the kernel"):
        bfloat16_operations(converted, [np.ones((3, 3, 8, 8), np.float32)])
    with pytest.raises(ValueError, match="2 convolutions have the kernel"):
        bfloat16_operations(converted, [np.asarray(twin.get_layer("last").kernel)])


def test_openvino_does_not_ask_for_the_version_of_tensorflow(monkeypatch):
    """OpenVINO 2026.4.1 fails there with Python 3.13: `exec` has local names of its own (PEP 667)."""

    def fail(_framework):
        raise NameError("name 'tensorflow' is not defined")

    monkeypatch.setattr("openvino.frontend.tensorflow.utils.get_environment_setup", fail)
    assert len(convert(network()).inputs) == 1


def test_a_node_without_openvino(monkeypatch):
    """Rank 0 looks for it on its own node only."""
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(SettingError, match=r"\(import of openvino halted.*\); leave out --engine openvino\.$"):
        compile_with_openvino(network())


def test_a_network_that_openvino_cannot_convert():
    """The determinant of a matrix is an operation that it does not know."""
    matrix = keras.Input((3, 3), name="matrix")
    model = keras.Model({"matrix": matrix}, keras.ops.linalg.det(matrix), name="determinant")
    reason = r"OpenVINO cannot convert the network determinant \(No conversion rule .* MatrixDeterminant\); leave out --engine"
    with pytest.raises(SettingError, match=reason):
        compile_with_openvino(model)
