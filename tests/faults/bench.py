"""A training with a run that was never stopped, to compare others with."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.faults import applications, jobs, runs
from tests.faults.applications import BATCH, EPOCHS, Application, make_application
from tests.faults.jobs import Job
from tests.faults.strikes import NEVER, Strike
from tests.faults.table import Outcome

SECONDS_OF_A_RUN = 300


@dataclass
class Bench:
    """An application with a finished run, on one or two ranks.

    Attributes:
        application: the training.
        ranks: 1 runs in a forked process, more under mpirun.
        folder: folder of the runs.
        seconds: duration of the finished run.
        renames: number of its renames, on rank 0.
    """

    application: Application
    ranks: int
    folder: Path
    seconds: float = 0
    renames: int = 0
    _jobs: int = 0

    @property
    def reference(self) -> Path:
        return self.folder / "never-stopped"

    def start(self, run_dir: Path, *flags: str, epochs: int = EPOCHS, strike: Strike | None = None) -> Job:
        """Start the training in a run folder, which need not exist; its log is beside the folder."""
        self._jobs += 1
        log = self.folder / f"{run_dir.name}-job{self._jobs}.log"
        words = self.application.words(run_dir, epochs, *flags)
        if self.ranks > 1:
            return Job(log, jobs.mpirun(self.ranks, *self.application.arguments(words, strike)))
        return Job(log, lambda: applications.run(self.application.name, words, strike))

    def prepare(self) -> "Bench":
        """Make the run that is never stopped."""
        self.folder.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        job = self.start(self.reference, strike=NEVER)
        if job.wait(SECONDS_OF_A_RUN) != 0:
            job.end()
            raise RuntimeError(f"a training failed before any fault:\n{job.output}")
        self.seconds = time.monotonic() - started
        self.renames = runs.renames(job.output)
        return self

    def check_resume(self, run_dir: Path, finished: int, outcome: Outcome, steps: int = 0) -> None:
        """Continue a run to its end; note lost epochs and steps, results that differ, and temporary files.

        Args:
            run_dir: the run folder, or one that does not exist.
            finished: number of epochs that were finished before the fault.
            outcome: gets the notes.
            steps: number of steps of the next epoch that were saved at a signal.
        """
        job = self.start(run_dir, "--resume")
        job.wait(SECONDS_OF_A_RUN)
        job.end()
        self.check_finished(job, run_dir, outcome)
        if job.code == 0 and runs.resumed_after(job.output) < finished:
            continued = runs.resumed_after(job.output)
            outcome.lost.append(f"{finished} epochs were finished, but it continued after {continued}")
        patches = runs.resumed_patches(job.output)
        if job.code == 0 and steps and patches != steps * BATCH * self.ranks:
            outcome.lost.append(f"{steps} steps were saved at a signal, but it continued after {patches} patches")

    def check_finished(self, job: Job, run_dir: Path, outcome: Outcome) -> None:
        """Note it unless a job has ended well, with the results of the run that was never stopped."""
        if job.code != 0:
            last = (runs.error_lines(job.output) or job.output.strip().splitlines() or [""])[-1]
            outcome.lost.append(f"the next job ends with {job.code}: {without_folder(last, run_dir)}")
            return
        if different := runs.differences(run_dir, self.reference):
            outcome.lost.append(f"differs from the run that was never stopped: {', '.join(different)}")
        if partial := runs.partial_files(run_dir):
            outcome.untidy.append(f"{len(partial)} temporary files stayed after the next job")


class Benches:
    """Benches by application and number of ranks, each made when it is first asked for.

    Args:
        folder: for inputs and runs.
        names: of the applications to choose from.
    """

    def __init__(self, folder: Path, names: Sequence[str]):
        self.folder = folder
        self.names = names
        self._benches: dict[tuple[str, int], Bench] = {}

    def choose(self, rng: np.random.Generator, ranks: int = 1) -> Bench:
        """Return the bench of a random application."""
        name = self.names[int(rng.integers(len(self.names)))]
        if (name, ranks) not in self._benches:
            bench = Bench(make_application(self.folder / "inputs", name), ranks, self.folder / f"{name}-{ranks}")
            self._benches[name, ranks] = bench.prepare()
        return self._benches[name, ranks]


def without_folder(message: str, run_dir: Path) -> str:
    """Return a message without the folder of one try, so that equal messages can be counted."""
    return message.replace(str(run_dir), "RUN")
