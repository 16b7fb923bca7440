"""Search guided by coverage: atheris keeps the inputs that reach new lines of our code, and changes these further.

    python -m tests.fuzz.guided "tile list" --seconds 60

Needs the package atheris, which `make test` does not. Prints each kind of finding once, with its traceback.
"""

import argparse
import logging
import os
import random
import socket
import sys
import tempfile
import traceback
from pathlib import Path

try:
    import atheris
except ImportError:
    sys.exit(
        "guided search needs the package atheris; run pip install atheris, or python -m tests.fuzz without guidance."
    )

with atheris.instrument_imports(include=["common", "superres", "bigearthnet"]):
    from common.errors import S2Error
    from tests.fuzz.mutations import MOST_BYTES, mutate
    from tests.fuzz.readers import READERS
    from tests.fuzz.runner import describe, refuse_network

found: set[str] = set()


def main() -> None:
    """Run one reader; libFuzzer ends the process."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.guided")
    parser.add_argument("reader", choices=READERS)
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    reader = READERS[options.reader]
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    work, corpus = folder / "work", folder / "corpus"
    work.mkdir()
    corpus.mkdir()
    seeds, read = reader.make(work)
    for number, seed in enumerate(seeds):
        (corpus / str(number)).write_bytes(bytes([seed.index]) + seed.content)  # the first byte says which file it is
    logging.disable()
    socket.socket.connect = socket.getaddrinfo = refuse_network
    refusals = (S2Error, *reader.refusals)

    def read_one(content: bytes) -> None:
        try:
            read(content[1:], content[0] % (1 + max(seed.index for seed in seeds)) if content else 0)
        except refusals:
            pass
        except Exception as error:
            if (kind := describe(error)) not in found:
                found.add(kind)
                print(kind, traceback.format_exc(), sep="\n", file=sys.stderr)

    def change(content: bytes, most: int, number: int) -> bytes:
        rng = random.Random(number)
        if rng.random() < 0.5:
            return atheris.Mutate(content, most)
        seed = rng.choice(seeds)
        return (bytes([seed.index]) + mutate(seed, seeds, rng))[:most]

    os.chdir(work)
    arguments = [f"-max_total_time={options.seconds}", f"-max_len={MOST_BYTES}", "-rss_limit_mb=4096", "-timeout=20"]
    atheris.Setup([sys.argv[0], *arguments, str(corpus)], read_one, custom_mutator=change)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
