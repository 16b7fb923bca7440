"""A study that was evaluated, for the tests of this room."""

import pytest

from superres.studies.options import ComparisonOptions


@pytest.fixture(scope="package")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> ComparisonOptions:
    """A study that was evaluated, but has no scores yet. Tests of scores change no file of it."""
    from tests.support.made_study import write_study  # imports TensorFlow, which the other tests do without

    return write_study(tmp_path_factory.mktemp("study"))
