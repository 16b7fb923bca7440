"""Readers of outside input refuse damaged inputs with our errors: a small part of `python -m tests.fuzz`."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bigearthnet.networks.catalogue import NETWORKS as bigearthnet_networks
from common.errors import ProductError, S2Error
from superres.networks import build
from superres.networks.catalogue import NETWORKS as superres_networks
from tests.fuzz import runner
from tests.fuzz.mutations import FORMS, make_seed
from tests.fuzz.reader import Reader
from tests.fuzz.readers import READERS

ROOT = Path(__file__).parents[1]
SEEDS = {"json": b'{"a": [1, "two"]}', "xml": b'<a><b c="1">two</b></a>', "table": b"a,b\n1,2\n", "bytes": bytes(100)}


@pytest.mark.slow
def test_all_readers() -> None:
    command = [sys.executable, "-m", "tests.fuzz", "--inputs", "10000", "--seconds", "90"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]


def run(monkeypatch: pytest.MonkeyPatch, read, inputs: int = 20, seconds: float = 60) -> runner.Outcome:
    """Run a reader that is made for a test."""
    seeds = [make_seed(content, form) for form, content in SEEDS.items()]
    monkeypatch.setitem(READERS, "made", Reader(lambda folder: (seeds, read)))
    return runner.run_reader("made", inputs, 0, seconds)


def test_only_seconds_of_a_processor_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine, the readers that come first would get fewer inputs than their share."""
    assert run(monkeypatch, lambda content, _: time.sleep(0.03), seconds=0.4).inputs == 20


def test_each_reader_gets_several_thousand_of_a_million_inputs() -> None:
    shares = {name: reader.share for name, reader in READERS.items()}
    assert min(shares.values()) / sum(shares.values()) > 0.004


def test_inputs_are_damaged_and_the_same_for_the_same_seed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("first", "second"):
        path = tmp_path / name
        run(monkeypatch, lambda content, _, path=path: path.open("ab").write(content + b"|"))
    contents = (tmp_path / "first").read_bytes()
    assert contents == (tmp_path / "second").read_bytes()
    assert len(set(contents.split(b"|"))) > 15
    assert SEEDS.keys() == FORMS.keys()


# A missing manifest.safe is no error. The records and options of "records" and "options" are no files.
@pytest.mark.parametrize("name", sorted(READERS.keys() - {"manifest.safe", "records", "options"}))
def test_an_input_that_is_a_link_to_nowhere_is_told_as_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    for networks in (superres_networks, bigearthnet_networks):
        for network in networks:
            monkeypatch.setitem(networks, network, networks[network])  # readers replace some
    monkeypatch.setattr(build, "build_network", build.build_network)
    seeds, read = READERS[name].make(tmp_path)
    write, targets = Path.write_bytes, []

    def write_or_link(path: Path, content: bytes) -> None:
        path.unlink(missing_ok=True)
        path.symlink_to(targets.pop()) if targets else write(path, content)

    monkeypatch.setattr(Path, "write_bytes", write_or_link)
    for index in {seed.index for seed in seeds}:
        targets.append("nowhere")  # of the next file that is written; some readers put a valid file back afterwards
        with pytest.raises(S2Error, match=r"is a link to .*nowhere, which does not exist"):
            read(b"", index)


def test_our_errors_are_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(content: bytes, _index: int) -> None:
        if len(content) % 2:
            raise ProductError("odd")

    outcome = run(monkeypatch, read)
    assert (outcome.inputs, outcome.accepted + outcome.refused, outcome.found) == (20, 20, {})
    assert outcome.accepted and outcome.refused


def test_foreign_errors_are_found_once_of_a_kind_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = run(monkeypatch, lambda content, _: {}["key"])
    ((kind, count),) = outcome.found.items()
    assert kind.startswith("KeyError in tests/test_fuzz.py:")
    assert (count, len(outcome.findings), outcome.inputs) == (20, 1, 20)


def test_a_process_that_dies_is_found_and_followed_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = run(monkeypatch, lambda content, _: os.abort(), inputs=3)
    assert outcome.found == {"process died, exit code -6": 3}


def test_a_slow_input_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "MOST_SECONDS", 0.1)

    def read(_content: bytes, _index: int) -> None:
        while True:
            pass

    outcome = run(monkeypatch, read, inputs=2)
    assert [kind.partition(" ")[0] for kind in outcome.found] == ["TooSlow"]


def test_an_input_that_fills_the_memory_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "MOST_BYTES", 100 * 2**20)
    assert run(monkeypatch, lambda content, _: b"x" * 120 * 2**20, inputs=1).found == {"more than 2 GB": 1}
    outcome = run(monkeypatch, lambda content, _: bytes(2**30), inputs=1)
    assert [kind.partition(" ")[0] for kind in outcome.found] == ["MemoryError"]
