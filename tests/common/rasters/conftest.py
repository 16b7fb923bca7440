"""Products to damage."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def product(fake_product: Path, tmp_path: Path) -> Path:
    """A copy of the fake product."""
    return shutil.copytree(fake_product, tmp_path / fake_product.name)
