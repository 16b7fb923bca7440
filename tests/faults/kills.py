"""Kill trainings, continue them, and compare them with a run that was never stopped."""

import signal
from collections.abc import Iterator

import numpy as np

from common.runs import cli
from tests.faults import runs
from tests.faults.bench import SECONDS_OF_A_RUN, Bench, Benches
from tests.faults.jobs import Job
from tests.faults.strikes import Strike
from tests.faults.table import Outcome

SIGNALS = tuple(getattr(signal, name) for name in ("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1"))
TARGETS = ("one rank", "all ranks", "the launcher")
SECONDS_TO_START = 2  # of Python; before its first line no command can say why it ends
SECONDS_TO_END = 60  # after a signal, on a busy machine
RANKS = 2
PARALLEL_SHARE = 8  # one try in eight runs under mpirun, which takes longer


def try_kills(benches: Benches, tries: int, rng: np.random.Generator) -> Iterator[Outcome]:
    """Kill trainings at random moments and at renames; yield an outcome for each."""
    for number in range(tries):
        ranks = RANKS if number % PARALLEL_SHARE == PARALLEL_SHARE - 1 else 1
        yield kill_once(benches.choose(rng, ranks), number, rng)


def kill_once(bench: Bench, number: int, rng: np.random.Generator) -> Outcome:
    """Kill a training at one moment, continue it to its end, and return what was lost or left behind."""
    signal_number = SIGNALS[int(rng.integers(len(SIGNALS)))]
    target = TARGETS[int(rng.integers(len(TARGETS)))] if bench.ranks > 1 else "the process"
    at_rename = target in ("the process", "one rank") and rng.random() < 0.5
    strike = None
    if at_rename:
        strike = Strike(int(rng.integers(1, bench.renames + 1)), bool(rng.integers(2)), signal_number)
    moment = "at a rename" if at_rename else "at a random moment"
    outcome = Outcome(f"{bench.application.name}: {signal_number.name} to {target} {moment}")
    seconds = 0.0 if strike else rng.uniform(0, bench.seconds)
    run_dir = bench.folder / f"killed{number}"
    job = bench.start(run_dir, strike=strike)
    try:
        if not strike:
            job.wait(seconds)
            job.send(signal_number, targets(job, target, rng))
        # mpirun gives the ranks a second after most signals, which a long step may take; it passes SIGUSR1 on.
        says_why = signal_number != signal.SIGKILL and (target != "the launcher" or signal_number == signal.SIGUSR1)
        says_why &= bool(strike) or seconds > SECONDS_TO_START
        check_end(job, says_why, outcome, SECONDS_OF_A_RUN if strike else SECONDS_TO_END)
        bench.check_resume(run_dir, runs.finished_epochs(job.output), outcome, runs.saved_steps(job.output))
    finally:
        job.end()
    return outcome


def targets(job: Job, target: str, rng: np.random.Generator) -> list[int]:
    """Return the processes that a signal goes to. Before any rank has started, this is the launcher."""
    ranks = list(job.ranks().values())
    if target in ("the process", "the launcher") or not ranks:
        return [] if job.has_ended() else [job.process_id]
    return ranks if target == "all ranks" else [ranks[int(rng.integers(len(ranks)))]]


def check_end(job: Job, says_why: bool, outcome: Outcome, seconds: float) -> None:
    """Note it if a job does not end after a signal, ends with a traceback or without its line, or leaves processes."""
    if job.wait(seconds) is None:
        outcome.untidy.append(f"the job went on for {seconds} s after the signal")
    if left := job.left_after(SECONDS_TO_END):  # ranks that are still importing end when they join MPI
        outcome.untidy.append(f"{len(left)} processes stayed")
    if job.code == 0:
        outcome.fine = "the job ended before the signal"
    if "Traceback" in job.output:
        outcome.untidy.append(f"traceback: {job.output.strip().splitlines()[-1]}")
    elif says_why and job.code not in (0, None) and not runs.error_lines(job.output):
        outcome.untidy.append(f"exit code {job.code} without a line that says why")
    elif "which is saved" in job.output and job.code != cli.STOPPED:
        outcome.untidy.append(f"exit code {job.code} after a checkpoint at a signal")
