"""Fixtures for all tests: a fake product, made once per test run, and the folder of real data."""

import os
from pathlib import Path

import pytest

from tests.support.fake_safe import write_safe


@pytest.fixture(scope="session")
def fake_product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An L1C product of baseline 02.05, 240 px wide at 10 m, pixels as `expected_dn`. Do not change it."""
    return write_safe(tmp_path_factory.mktemp("product"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real products and patches that JEOPARDA_REAL_DATA names."""
    folder = os.environ.get("JEOPARDA_REAL_DATA")
    if not folder:
        pytest.skip("set JEOPARDA_REAL_DATA to the folder of real Sentinel-2 data to run this test")
    return Path(folder)
