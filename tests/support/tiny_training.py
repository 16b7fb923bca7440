"""Training runs that take seconds: small scenes that a network can learn from, and a network of 2,334 parameters.

python -m tests.support.tiny_training --tiles tiles.txt ...    superres/train.py with that network in place of DSen2
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from common.runs import imports
from tests.support.fake_safe import UPPER_LEFT, textured_pixels, write_safe

TILES = ("T32TNS", "T32TPS", "T32TQS")
SPACING_M = 3000  # between scenes, so that they share no ground


def command_line(settings: Mapping[str, object]) -> list[str]:
    """Return the options of a command for settings by name."""
    return [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", str(value))]


def write_scenes(folder: Path, count: int = 2, size: int = 120, tiles: Sequence[str] = TILES) -> Path:
    """Write `count` scenes that share no ground, and a list of them; return the path of the list."""
    names = []
    for index, tile in enumerate(tiles[:count]):
        corner = (UPPER_LEFT[0] + SPACING_M * TILES.index(tile), UPPER_LEFT[1])
        pixels = textured_pixels(np.random.default_rng(index), size)
        names.append(write_safe(folder, tile=tile, size=size, pixels=pixels, upper_left=corner).stem)
    tile_list = folder / "tiles.txt"
    tile_list.write_text("\n".join(names) + "\n")
    return tile_list


def residual_reach(blocks: int) -> int:
    """Return the reach of `residual_network`: one pixel for every 3 x 3 convolution."""
    return 2 * blocks + 2


def tiny_network(features: int = 8):
    """Return DSen2 with one residual block, as an entry of `superres.networks.catalogue.NETWORKS`."""
    from superres.networks.catalogue import Network
    from superres.networks.dsen2 import residual_network

    return Network(partial(residual_network, blocks=1, features=features), residual_reach(blocks=1))


def tiny_joint_network():
    """Return the network `joint` with one residual block of 8 features, as an entry of `superres.networks.catalogue.NETWORKS`."""
    from superres.networks.catalogue import NETWORKS
    from superres.networks.joint import joint

    return replace(NETWORKS["joint"], body=partial(joint, blocks=1, features=8), reach=37)


def write_trained_run(folder: Path, gsd: int, level: str, seed: int = 0) -> str:
    """Write the run folder of a `dsen2` with random weights, trained on products of a level; return its path."""
    from common.runs.folder import WEIGHTS, write_config
    from superres.networks.build import build_network
    from superres.training.config import SuperresConfig
    from tests.support.checks import set_random_weights

    folder.mkdir()
    write_config(folder, SuperresConfig(tiles="tiles.txt", gsd=gsd), levels=[level])
    model = build_network("dsen2", gsd)
    set_random_weights(model, seed=seed)
    model.save_weights(folder / WEIGHTS)
    return str(folder)


def main() -> int:
    """Run `superres/train.py` with the tiny network under the name `dsen2`."""
    from superres import train
    from superres.networks.catalogue import NETWORKS

    imports.speed_up_imports()
    NETWORKS["dsen2"] = tiny_network()
    return train.main()


if __name__ == "__main__":
    sys.exit(main())
