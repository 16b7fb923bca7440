"""Networks of keras.applications, without weights and for any number of bands: (B, H, W, bands) -> features (B, F).

ResNet50: He et al. 2015 (arXiv:1512.03385). EfficientNetV2-B0: Tan and Le 2021 (arXiv:2104.00298). ConvNeXt-Tiny: Liu
et al. 2022 (arXiv:2201.03545); it has layer normalisation instead of batch normalisation. Their scaling of RGB values is
left out.
"""

import warnings
from collections.abc import Callable

import keras


def resnet50(image: keras.KerasTensor) -> keras.KerasTensor:
    """ResNet50; 2048 features."""
    return application_features(keras.applications.ResNet50, image)


def efficientnetv2b0(image: keras.KerasTensor) -> keras.KerasTensor:
    """EfficientNetV2-B0; 1280 features."""
    return application_features(keras.applications.EfficientNetV2B0, image, include_preprocessing=False)


def convnexttiny(image: keras.KerasTensor) -> keras.KerasTensor:
    """ConvNeXt-Tiny; 768 features."""
    return application_features(keras.applications.ConvNeXtTiny, image, include_preprocessing=False)


def application_features(
    application: Callable[..., keras.Model], image: keras.KerasTensor, **settings
) -> keras.KerasTensor:
    """Return the features of an image in a network of keras.applications, averaged over its pixels."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*usually expects.*channels")
        body = application(include_top=False, weights=None, input_shape=image.shape[1:], pooling="avg", **settings)
    return body(image)
