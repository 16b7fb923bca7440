"""A finished run of a constant, for all tests of this room."""

from pathlib import Path

import pytest

from common.training.fit import fit
from tests.support.constant_run import CONFIG, TASK
from tests.support.constant_training import constant_model


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of four epochs. Do not change it."""
    folder = tmp_path_factory.mktemp("finished")
    fit(constant_model(), CONFIG, TASK, folder)
    return folder
