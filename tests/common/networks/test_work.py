"""Multiplications of layers and models, counted by hand."""

import keras

from common.networks.work import layer_multiplications, multiplications


def test_layers_count_their_kernels():
    convolution = keras.layers.Conv2D(5, 3)
    convolution.build((None, None, None, 4))
    assert layer_multiplications(convolution) == 3 * 3 * 4 * 5
    assert layer_multiplications(keras.layers.ReLU()) == 0


def test_layers_may_count_themselves():
    layer = keras.layers.ReLU()
    layer.multiplications_per_pixel = 7
    assert layer_multiplications(layer) == 7


def test_a_model_counts_the_pixels_of_its_layers_and_the_models_in_it():
    inner = keras.Sequential([keras.Input((6, 4, 2)), keras.layers.Conv2D(5, 3, strides=2, padding="same")])
    model = keras.Sequential([keras.Input((6, 4, 2)), inner, keras.layers.Flatten(), keras.layers.Dense(7)])
    assert multiplications(model) == 3 * 2 * (3 * 3 * 2 * 5) + 3 * 2 * 5 * 7
