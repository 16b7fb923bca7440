"""Compute a Keras network with OpenVINO on the processor, for images of any size.

OpenVINO converts the TensorFlow graph of the network in float32 and optimises it as a whole: it moves constant factors into
weights and adds biases, activations and residuals inside the convolutions. Sums come in another order than in TensorFlow,
so that results differ by about 1e-6 of the largest value.

Where layers compute in bfloat16, only their convolutions do so here, and all other operations are marked to stay float32.
OpenVINO by itself would compute nearly all of a network in bfloat16, the residual trunk too. OpenVINO 2026.4.1 computes
a division in bfloat16, although it is marked, if a convolution or a matrix product follows: `superres/prediction/windows.py` compares.
"""

import tempfile
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any
from unittest import mock
from xml.etree import ElementTree

import keras
import numpy as np
import tensorflow as tf

import common.distributed as hvd
from common.errors import SettingError
from common.networks.engines import OPENVINO, import_openvino

BFLOAT16 = "bfloat16"
# The attribute by which an operation stays float32 when OpenVINO computes in bfloat16 or float16.
STAYS_FLOAT32 = {"name": "DisablePrecisionConversion", "version": "0", "value": "dynamic:f16"}
CONSTANT, CONVOLUTION = "Constant", "Convolution"
FOLLOWERS = ("Add", "Relu")  # bias and activation, which a convolution computes together with its sum


def compile_with_openvino(model: keras.Model) -> Callable[[dict[str, np.ndarray]], np.ndarray]:
    """Return a model as a function of one sample: images by name -> image, float32, without the axis of the batch.

    Args:
        model: of a dict of images of unknown size, with one output.

    Raises:
        SettingError: OpenVINO cannot convert the model, or is not installed on the node of this rank.
    """
    reduced = [layer for layer in inner_layers(model) if hasattr(layer, "kernel") and layer.compute_dtype == BFLOAT16]
    try:
        openvino = import_openvino()
        network = convert(model)
        if reduced:
            network = keep_float32(
                network, bfloat16_operations(network, [np.asarray(layer.kernel) for layer in reduced])
            )
        compiled = openvino.Core().compile_model(network, "CPU", settings(bool(reduced)))
    except Exception as error:  # OpenVINO, TensorFlow and Keras raise many kinds; all mean the same here
        raise SettingError(
            f"OpenVINO cannot convert the network {model.name} ({_reason(error)}); leave out --engine {OPENVINO}."
        ) from error
    request = compiled.create_infer_request()
    names = list(model.input)

    def run(images: dict[str, np.ndarray]) -> np.ndarray:
        return request.infer({name: np.ascontiguousarray(images[name])[None] for name in names}, share_inputs=True)[0][
            0
        ]

    return run


def settings(in_bfloat16: bool) -> dict[str, Any]:
    """Return OpenVINO's settings: the precision, which it otherwise chooses itself, and the cores of this rank."""
    return {
        "INFERENCE_PRECISION_HINT": "bf16" if in_bfloat16 else "f32",
        "INFERENCE_NUM_THREADS": hvd.cores_per_rank(),
        "NUM_STREAMS": 1,  # all threads work on one window
        "ENABLE_CPU_PINNING": False,  # the ranks of a node would bind their threads to the same cores
    }


def convert(model: keras.Model) -> Any:
    """Return an OpenVINO model that computes a Keras model in float32, for a batch of one sample."""
    network = float32_copy(model)
    signature = [tf.TensorSpec((1, *image.shape[1:]), tf.float32, name) for name, image in model.input.items()]

    @tf.function(input_signature=signature)
    def graph(*images: tf.Tensor) -> tf.Tensor:
        return network(dict(zip(model.input, images, strict=True)), training=False)

    openvino = import_openvino()
    from openvino.frontend.tensorflow import utils

    # OpenVINO 2026.4.1 asks for TensorFlow's version in a way that is a NameError since Python 3.13.
    with mock.patch.object(utils, "get_environment_setup", lambda _framework: {"tensorflow": tf.__version__}):
        return openvino.convert_model(graph)


def float32_copy(model: keras.Model) -> keras.Model:
    """Return a copy of a model that computes in float32, with the same weights. OpenVINO does not convert others."""

    def copy(layer: keras.Operation) -> keras.Operation:
        if isinstance(layer, keras.Model):  # its configuration would keep the precisions of its layers
            return float32_copy(layer)
        policy = {"dtype": "float32"} if isinstance(layer, keras.Layer) else {}
        return type(layer).from_config({**layer.get_config(), **policy})

    network = keras.models.clone_model(model, clone_function=copy)
    network.set_weights(model.get_weights())
    return network


def inner_layers(model: keras.Model) -> Iterator[keras.Layer]:
    """Yield the layers of a model, and those of the models inside it, such as the members of an ensemble."""
    for layer in model.layers:
        yield from inner_layers(layer) if isinstance(layer, keras.Model) else (layer,)


def bfloat16_operations(network: Any, kernels: Collection[np.ndarray]) -> set[str]:
    """Return the names of the convolutions with these kernels, and of their biases and activations.

    Args:
        network: an OpenVINO model.
        kernels: (rows, cols, inputs, outputs) each. OpenVINO may have multiplied them by a constant.

    Raises:
        ValueError: the model has no convolution, or several, with one of the kernels.
    """
    names: set[str] = set()
    convolutions = [node for node in network.get_ordered_ops() if node.get_type_name() == CONVOLUTION]
    for kernel in kernels:
        found = [node for node in convolutions if _has_kernel(node, kernel)]
        if len(found) != 1:
            raise ValueError(f"{len(found)} convolutions have the kernel of one layer")
        names |= _with_followers(found[0])
    return names


def keep_float32(network: Any, others: Collection[str]) -> Any:
    """Return an OpenVINO model whose operations stay float32, but for the named ones.

    Only OpenVINO's file format gives access to this attribute of an operation, so the model is written and read again.
    """
    openvino = import_openvino()
    with tempfile.TemporaryDirectory() as folder:
        description, weights = Path(folder) / "network.xml", Path(folder) / "network.bin"
        openvino.serialize(network, description, weights)
        tree = ElementTree.parse(description).getroot()
        data = openvino.Tensor(np.fromfile(weights, np.uint8))
    for operation in tree.iter("layer"):
        if operation.get("name") not in others and operation.get("type") not in ("Const", "Parameter", "Result"):
            attributes = operation.find("rt_info")
            if attributes is None:
                attributes = ElementTree.Element("rt_info")
                operation.insert(1, attributes)  # after `data`
            ElementTree.SubElement(attributes, "attribute", STAYS_FLOAT32)
    return openvino.Core().read_model(ElementTree.tostring(tree), data)


def _has_kernel(convolution: Any, kernel: np.ndarray) -> bool:
    constant = convolution.input_value(1).get_node()
    if constant.get_type_name() != CONSTANT:
        return False
    found = constant.data.transpose(2, 3, 1, 0)  # from (outputs, inputs, rows, cols)
    return found.shape == kernel.shape and np.allclose(_scaled(found), _scaled(kernel), rtol=1e-5, atol=1e-6)


def _scaled(kernel: np.ndarray) -> np.ndarray:
    """Return a kernel divided by its largest value, so that a constant factor does not count."""
    return kernel / max(float(np.abs(kernel).max()), np.finfo(np.float32).tiny)


def _with_followers(node: Any) -> set[str]:
    """Return the names of a convolution and of the bias and the activation that follow it, but not of a sum with another image."""
    names = {node.get_friendly_name()}
    while len(node.output(0).get_target_inputs()) == 1:
        node = next(iter(node.output(0).get_target_inputs())).get_node()
        inputs = [value.get_node().get_type_name() for value in node.input_values()]
        if node.get_type_name() not in FOLLOWERS or (len(inputs) == 2 and CONSTANT not in inputs):
            break
        names.add(node.get_friendly_name())
    return names


def _reason(error: Exception) -> str:
    """Return the line of an error that names operations without a conversion; of other errors, the last line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    unknown = [line.removeprefix("-- ") for line in lines if line.startswith("-- ")]
    return next(iter([*unknown, *reversed(lines)]), type(error).__name__)
