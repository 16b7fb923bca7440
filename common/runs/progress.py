"""Progress of long work: a bar at a terminal, or a line in the log every minute."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from tqdm import tqdm

import common.distributed as hvd
from common.runs.signals import require_going_on

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 60

Item = TypeVar("Item")


def track(items: Sequence[Item], units: str, task: str, show_bar: bool) -> Iterator[Item]:
    """Yield items, and show how many of them this rank has done: an item is done when the next one is asked for.

    Args:
        items: of this rank.
        units, task, show_bar: as for `progress`, which is for work whose pieces are not one unit each.

    Raises:
        Interrupted: after an item, this process has got a stopping signal.
    """
    with progress(len(items), units, task, show_bar) as advance:
        for item in items:
            yield item
            advance()


@contextmanager
def progress(total: float, units: str, task: str, show_bar: bool) -> Iterator[Callable[..., None]]:
    """Show how much of a task this rank has done, and the time left.

    Args:
        total: units of work in the whole task; a bar shows whole units, and is not shown if there are none.
        units: name of the units, in the plural.
        task: name of the task, which begins the bar and each line.
        show_bar: show a bar; otherwise log a line every minute.

    Yields:
        A function to call after each piece of work, with the number of units done (1 if left out). It raises Interrupted
        if this process has got a stopping signal.
    """
    started = logged = time.monotonic()
    done = 0.0
    with tqdm(total=round(total), desc=task, unit=f" {units}", disable=not (show_bar and total)) as bar:

        def advance(count: float = 1) -> None:
            nonlocal done, logged
            require_going_on()
            done += count
            bar.update(round(done) - bar.n)
            now = time.monotonic()
            if done and not show_bar and now - logged > SECONDS_BETWEEN_LINES:
                logged = now
                seconds_each = (now - started) / done
                rate = f"{seconds_each:.0f} s each" if seconds_each > 10 else f"{1 / seconds_each:.1f} a second"
                left = describe_duration((total - done) * seconds_each)
                own = " of this rank" if hvd.size() > 1 else ""
                logger.info("%s: %d of %d %s%s, %s, %s left", task, done, total, units, own, rate, left)

        yield advance


def describe_duration(seconds: float) -> str:
    """Return a duration in minutes, or in hours from two hours on."""
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
