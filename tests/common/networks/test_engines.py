"""The engines: one that cannot be used is replaced by TensorFlow, and one line of the log says why."""

import sys
from pathlib import Path

import pytest

from common.networks import engines
from common.networks.engines import OPENVINO, TENSORFLOW, describe_engine, import_openvino, usable_engine
from common.networks.precision import has_bfloat16


def hide_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the import of OpenVINO fail, as where it is not installed."""
    monkeypatch.setitem(sys.modules, "openvino", None)


def install_openvino(folder: Path, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Python find a package `openvino` of a version before any other; it holds no code."""
    metadata = folder / f"openvino-{version}.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: openvino\nVersion: {version}\n")
    monkeypatch.syspath_prepend(folder)


def replaced(precision: str, caplog: pytest.LogCaptureFixture) -> str:
    """The one line of the log that says why TensorFlow replaces OpenVINO."""
    assert usable_engine(OPENVINO, precision) == TENSORFLOW
    (line,) = caplog.messages
    assert line.endswith("; TensorFlow computes the networks instead")
    return line


def test_an_engine_that_is_not_installed(monkeypatch, caplog):
    hide_openvino(monkeypatch)
    assert "OpenVINO is not installed; install it with: pip install 'openvino>=2026.4'" in replaced("float32", caplog)


@pytest.mark.parametrize("version", ["2025.4.1", "2026.3.0"])
def test_an_engine_that_is_too_old(monkeypatch, caplog, tmp_path, version):
    install_openvino(tmp_path, version, monkeypatch)
    assert f"OpenVINO {version} is too old; install" in replaced("float32", caplog)


def test_tensorflow_needs_nothing(monkeypatch, caplog):
    hide_openvino(monkeypatch)
    assert usable_engine(TENSORFLOW, "float16") == TENSORFLOW
    assert not caplog.messages


def test_precisions_that_openvino_lacks(caplog):
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    assert usable_engine(OPENVINO, "float32") == OPENVINO
    assert "not in float16" in replaced("float16", caplog)
    if not has_bfloat16():
        caplog.clear()
        assert "bfloat16 only on processors that have it" in replaced("bfloat16", caplog)


def test_openvino_sends_no_telemetry(monkeypatch):
    """It is imported without the package that would send a message over the network."""
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    monkeypatch.delitem(sys.modules, engines._TELEMETRY, raising=False)
    import_openvino()
    assert sys.modules[engines._TELEMETRY] is None


def test_engines_are_described_with_their_version(monkeypatch, tmp_path):
    install_openvino(tmp_path, "2026.4.9", monkeypatch)
    assert describe_engine(OPENVINO) == "openvino 2026.4.9"
    assert describe_engine(TENSORFLOW).startswith("tensorflow 2.")
