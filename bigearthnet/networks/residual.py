"""ResNet18, which keras.applications lacks, and a network for trials on a CPU: (B, H, W, bands) -> features (B, F).

He et al., Deep Residual Learning for Image Recognition, 2015 (arXiv:1512.03385): a block has two 3 x 3 convolutions, and
its shortcut is projected where size or width changes. With 12 bands and 19 classes, `resnet18` has 11,224,083 parameters
and `small` 77,203.
"""

from collections.abc import Sequence

import keras


def resnet18(image: keras.KerasTensor) -> keras.KerasTensor:
    """ResNet18 without its last layer; 512 features."""
    image = normalised_convolution(image, 64, kernel=7, stride=2, name="first")
    image = keras.layers.MaxPooling2D(3, strides=2, padding="same", name="first_pool")(image)
    return residual_stages(image, widths=(64, 128, 256, 512), blocks=2)


def small(image: keras.KerasTensor) -> keras.KerasTensor:
    """One block at a quarter of the size, and one at an eighth; 64 features."""
    image = normalised_convolution(image, 16, kernel=4, stride=4, name="first")
    return residual_stages(image, widths=(32, 64), blocks=1)


def residual_stages(image: keras.KerasTensor, widths: Sequence[int], blocks: int) -> keras.KerasTensor:
    """Apply stages of residual blocks, and average over pixels.

    Args:
        image: (B, H, W, C).
        widths: features of each stage. Each stage after the first halves the size.
        blocks: residual blocks in each stage.

    Returns:
        (B, last width).
    """
    for stage, width in enumerate(widths, 1):
        for block in range(1, blocks + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            image = residual_block(image, width, stride, name=f"stage{stage}_block{block}")
    return keras.layers.GlobalAveragePooling2D(name="mean")(image)


def residual_block(image: keras.KerasTensor, width: int, stride: int, name: str) -> keras.KerasTensor:
    """relu(shortcut + norm(conv(relu(norm(conv(image)))))): (B, H, W, C) -> (B, H / stride, W / stride, width)."""
    branch = normalised_convolution(image, width, 3, stride, f"{name}_1")
    branch = normalised_convolution(branch, width, 3, 1, f"{name}_2", activate=False)
    if stride > 1 or image.shape[-1] != width:
        image = normalised_convolution(image, width, 1, stride, f"{name}_shortcut", activate=False)
    return keras.layers.ReLU(name=f"{name}_relu")(keras.layers.Add(name=f"{name}_add")([branch, image]))


def normalised_convolution(
    image: keras.KerasTensor, width: int, kernel: int, stride: int, name: str, activate: bool = True
) -> keras.KerasTensor:
    """Convolution, batch normalisation and, if `activate`, ReLU: (B, H, W, C) -> (B, H / stride, W / stride, width)."""
    image = keras.layers.Conv2D(
        width,
        kernel,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(image)
    image = keras.layers.BatchNormalization(name=f"{name}_norm")(image)
    return keras.layers.ReLU(name=f"{name}_relu")(image) if activate else image
