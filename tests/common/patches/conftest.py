"""Scenes to cut patches from. Do not change them."""

import pytest

from common.scenes.scene import Scene
from common.scenes.tile_list import open_scene
from tests.support.fake_safe import write_safe


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """L1C before baseline 04.00: 200 x 200 px at 20 m, two blocks a side."""
    return open_scene(write_safe(tmp_path_factory.mktemp("l1c"), size=400))


@pytest.fixture(scope="session")
def scene_60m(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """L2A of baseline 04.00: 100 x 122 px at 60 m, of which 96 x 120 are used; two patches fit."""
    folder = tmp_path_factory.mktemp("l2a")
    return open_scene(write_safe(folder, level="L2A", baseline="04.00", size=(600, 732)))
