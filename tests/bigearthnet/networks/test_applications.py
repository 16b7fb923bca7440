"""Networks of keras.applications take any number of bands without a warning. `test_build.py` builds each of them."""

import warnings

import keras

from bigearthnet.networks.applications import application_features


def test_settings_reach_the_application() -> None:
    def application(**settings) -> keras.Model:
        assert settings == {
            "include_top": False,
            "weights": None,
            "input_shape": (8, 8, 5),
            "pooling": "avg",
            "include_preprocessing": False,
        }
        warnings.warn("This model usually expects 1 or 3 input channels.", stacklevel=1)
        image = keras.Input(settings["input_shape"])
        return keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert application_features(application, keras.Input((8, 8, 5)), include_preprocessing=False).shape == (None, 5)
