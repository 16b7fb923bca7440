"""Measure how training scales with the number of ranks, and draw what a model expects of more.

python benchmarks/scaling.py --output scaling                                  1 and 2 ranks on this machine
python benchmarks/scaling.py --output scaling --ranks 1 2 4 8 --ranks-per-node 4 --launch "srun -N {nodes} -n {ranks}"
python benchmarks/scaling.py --output scaling --only curve --application superres --gbit 200 --compute-s 0.03

steps     a step's time and its parts, of both applications, with weak scaling (the same batch a rank) and strong scaling (the
          same batch of all ranks): steps.csv
network   averages over nodes with networks of chosen latencies and rates (Linux, root), and the model fitted to them: network.csv
curve     efficiency, measured, modelled and published: efficiency.csv, scaling.png, and all of it in report.html
"""

import argparse
import csv
import json
import math
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # `benchmarks` and `tests` are not installed

from tqdm import tqdm

from benchmarks.emulated import COUNT, Measured, measure_all
from benchmarks.measure import run_child
from benchmarks.network_model import IDEAL, Costs, Job, Network, average_seconds, fit
from common.files.atomic import whole_file
from common.report.records import REPORT
from tests.support.launcher import MPIRUN_ANYWHERE

STEPS = 8  # of one training; the first two are not counted
BATCHES = {"superres": 32, "bigearthnet": 8}
NETWORKS = {"superres": "dsen2", "bigearthnet": "resnet50"}
BYTES = {"superres": 4 * 1_789_574, "bigearthnet": 4 * 23_704_043}  # float32 gradients; 12 bands, 43 classes
LAUNCH = "mpirun --bind-to none -np {ranks}"
# (ranks, efficiency) of Horovod: Sergeev and Del Balso 2018, arXiv:1802.05799, and its docs/benchmarks.rst: 128 servers with
# four Pascal GPUs each, 25 Gbit/s.
PUBLISHED = {"Horovod, ResNet-101": (512, 0.90), "Horovod, VGG-16": (512, 0.68)}
UP_TO = [2**power for power in range(13)]


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--output", type=Path, default=Path("scaling"), help="folder for tables and the figure (scaling)"
    )
    parser.add_argument(
        "--only", choices=("steps", "network", "curve"), action="append", help="part to run; may be repeated (all)"
    )
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2], help="numbers of ranks, 1 among them (1 2)")
    parser.add_argument(
        "--launch", default=LAUNCH, help=f"command that starts {{ranks}} ranks on {{nodes}} nodes ({LAUNCH})"
    )
    parser.add_argument("--ranks-per-node", type=int, help="most ranks of a node, which sets {nodes} (all on one node)")
    parser.add_argument(
        "--application", choices=tuple(BATCHES), action="append", help="application; may be repeated (both)"
    )
    parser.add_argument(
        "--batch", type=int, help="patches of a rank, and of all ranks for strong scaling (32; 8 for bigearthnet)"
    )
    parser.add_argument("--precision", choices=("float32", "bfloat16", "float16"), default="float32", help="(float32)")
    hardware = parser.add_argument_group("hardware of the modelled curve")
    hardware.add_argument("--gbit", type=float, default=100, help="rate at which a node can send, Gbit/s (100)")
    hardware.add_argument(
        "--latency-us", type=float, default=2, help="time of a message between nodes, microseconds (2)"
    )
    hardware.add_argument("--compute-s", type=float, help="forward and backward pass of a rank, seconds (as measured)")
    hardware.add_argument(
        "--spread", type=float, default=0.03, help="standard deviation of that time, divided by it (0.03)"
    )
    hardware.add_argument("--ring", action="store_true", help="averages go along a ring (along a tree)")
    hardware.add_argument("--costs", type=Path, help="costs.json of the part network (MPI itself costs nothing)")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the parts; return the exit code."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    if 1 not in arguments.ranks:
        parser.error(f"--ranks must contain 1, with which the others are compared; got {arguments.ranks}")
    arguments.output.mkdir(parents=True, exist_ok=True)
    parts = {"steps": measure_steps, "network": measure_network, "curve": draw_curve}
    for name, part in parts.items():
        if not arguments.only or name in arguments.only:
            part(arguments)
    return 0


def measure_steps(arguments: argparse.Namespace) -> None:
    """Measure steps of both applications, and write `steps.csv` after each, so that a job that is cut off has the others."""
    rows: list[dict] = []
    for application in arguments.application or BATCHES:
        batch = arguments.batch or BATCHES[application]
        for ranks in sorted(arguments.ranks):
            launch = launch_words(arguments.launch, ranks, arguments.ranks_per_node)
            for scaling, batch_of_rank in batches_of_rank(batch, ranks).items():
                measured = measure_training(
                    application, ranks, batch_of_rank, launch, arguments.precision, arguments.output
                )
                rows.append(step_row(application, scaling, batch_of_rank, measured))
                write_table(arguments.output / "steps.csv", with_efficiency(rows))
                print(rows[-1], file=sys.stderr)


def launch_words(launch: str, ranks: int, ranks_per_node: int | None) -> list[str]:
    """Return the words that start the ranks, on as few nodes as they need."""
    return launch.format(ranks=ranks, nodes=math.ceil(ranks / (ranks_per_node or ranks))).split()


def batches_of_rank(batch: int, ranks: int) -> dict[str, int]:
    """Return the batch of a rank for weak scaling; for strong scaling, too, if the ranks can share the batch equally."""
    if ranks == 1 or batch % ranks:
        return {"weak": batch}
    return {"weak": batch, "strong": batch // ranks}


def with_efficiency(rows: Sequence[dict]) -> list[dict]:
    """Return rows of `steps.csv` with the column efficiency: the rate of a core, compared with that of one rank."""
    finished = []
    for row in rows:
        one = next(other for other in rows if other["application"] == row["application"] and other["ranks"] == 1)
        rate, rate_of_one = (float(r["patches_per_s"]) / r["cores"] for r in (row, one))
        finished.append({**row, "efficiency": f"{rate / rate_of_one:.3f}"})
    return finished


def step_row(application: str, scaling: str, batch: int, measured: dict) -> dict:
    """Return a row of `steps.csv`, without the efficiency. Times are seconds."""
    parts = {
        f"{name}_s": f"{value:.5f}" for name, value in measured["clocks"].items() if name not in ("step", "spread")
    }
    return {
        "kind": "measured",
        "application": application,
        "network": NETWORKS[application],
        "scaling": scaling,
        "ranks": measured["ranks"],
        "cores": measured["cores"],
        "batch_of_rank": batch,
        "patches_per_s": f"{measured['ranks'] * batch / measured['step']:.2f}",
        "step_s": f"{measured['step']:.5f}",
        **parts,
        "step_with_clocks_s": f"{measured['clocks']['step']:.5f}",
        "spread": f"{measured['clocks']['spread']:.4f}",
    }


def measure_training(
    application: str, ranks: int, batch: int, launch: Sequence[str], precision: str, output: Path
) -> dict:
    """Train for some steps with the words of a launcher, and return what `benchmarks/steps.py` printed.

    The data are in `output` meanwhile, because every node must reach them.
    """
    from tests.support.made_patches import split_names, write_made
    from tests.support.tiny_training import command_line, write_scenes

    patches = STEPS * batch * ranks
    settings = {"epochs": 1, "batch_size": batch, "precision": precision, "model": NETWORKS[application]}
    with tempfile.TemporaryDirectory(dir=output.resolve()) as temporary:
        folder = Path(temporary)
        if application == "bigearthnet":
            data = {"data": write_made(folder / "made.h5", split_names(patches, 8, 8))}
        else:
            tiles = write_scenes(folder, count=1, size=scene_px(patches))
            data = {"tiles": tiles, "patch_cache": folder / "patches", "patches_per_tile": patches + 32}
        child = [
            sys.executable,
            "-m",
            "benchmarks.steps",
            application,
            str(folder / "run"),
            *command_line(data | settings),
        ]
        (measured,) = run_child([*launch, *child], **MPIRUN_ANYWHERE)
    return measured


def scene_px(patches: int) -> int:
    """Return rows and columns at 10 m of a scene that has positions for this many patches."""
    return max(600, 120 * math.ceil(23 * math.sqrt(patches) / 120))


def measure_network(arguments: argparse.Namespace) -> None:
    """Measure averages over emulated networks, fit the model, and write `network.csv`; or say why this is not possible."""
    from tests.network.nodes import why_not

    if reason := why_not():
        print(f"no emulated networks: {reason}", file=sys.stderr)
        return
    averages = tqdm(measure_all(), "averages over emulated networks", COUNT, unit=" averages", mininterval=5)
    write_network(arguments.output, list(averages))


def write_network(output: Path, measured: Sequence[Measured]) -> None:
    """Fit the model, write `network.csv` and `costs.json`, and print the errors of the model."""
    fitted = [one for one in measured if not one.held_out]
    costs = fit([one.average for one in fitted], [one.seconds for one in fitted])
    rows = [
        {
            "kind": "measured",
            "use": "test" if one.held_out else "fit",
            "nodes": one.average.ranks,
            "algorithm": "tree" if one.average.tree else "ring",
            "bytes": one.average.size,
            "latency_s": one.average.network.latency_s,
            "bytes_per_s": one.average.network.bytes_per_s,
            "seconds": f"{one.seconds:.5f}",
            "modelled_seconds": f"{average_seconds(costs, one.average):.5f}",
            "unfitted_seconds": f"{average_seconds(IDEAL, one.average):.5f}",
        }
        for one in measured
    ]
    write_table(output / "network.csv", rows)
    (output / "costs.json").write_text(json.dumps(costs._asdict(), indent=2) + "\n")
    print(describe_errors(rows))


def describe_errors(rows: Sequence[dict]) -> str:
    """Return the errors of the model, fitted and with nothing fitted, of settings that the fit saw and of others; a line each."""
    lines = []
    for use, seen in (("fit", "seen by the fit"), ("test", "not seen by the fit")):
        chosen = [row for row in rows if row["use"] == use]
        for name, model in (("modelled_seconds", "fitted"), ("unfitted_seconds", "nothing fitted")):
            errors = [abs(float(row[name]) / float(row["seconds"]) - 1) for row in chosen]
            within = sum(error <= 0.1 for error in errors)
            lines.append(
                f"{seen}, {model}: median error {statistics.median(errors):.1%}, largest {max(errors):.1%}, "
                f"{within} of {len(errors)} within 10 %"
            )
    return "\n".join(lines)


def draw_curve(arguments: argparse.Namespace) -> None:
    """Write `efficiency.csv`, draw `scaling.png` and write `report.html`, from the tables that are there."""
    from benchmarks.scaling_figure import draw
    from benchmarks.scaling_report import scaling_report
    from common.report.page import write_report

    steps = read_table(arguments.output / "steps.csv")
    rows = [*measured_efficiency(steps), *modelled_efficiency(arguments, steps), *published_efficiency()]
    write_table(arguments.output / "efficiency.csv", rows)
    averages = read_table(arguments.output / "network.csv")
    draw(rows, steps, averages, arguments.output / "scaling.png")
    report = scaling_report(arguments.output, rows, steps, averages, modelled_hardware(arguments))
    write_report(arguments.output / REPORT, report)


def modelled_hardware(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the hardware of the modelled curve, by name."""
    return {
        "network": f"{arguments.gbit:g} Gbit/s, {arguments.latency_us:g} µs",
        "time to compute": f"{arguments.compute_s:g} s" if arguments.compute_s else "as measured on one rank",
        "spread of that time": f"{arguments.spread:.0%}",
        "averages": "along a ring" if arguments.ring else "along a tree",
        "cost of the MPI library": f"fitted, {arguments.costs}" if arguments.costs else "none",
    }


def measured_efficiency(steps: Sequence[dict]) -> Iterator[dict]:
    """Yield the measured efficiency."""
    for row in steps:
        name, ranks, efficiency = row["application"], int(row["ranks"]), float(row["efficiency"])
        yield efficiency_row("measured", name, ranks, efficiency, row["scaling"])


def modelled_efficiency(arguments: argparse.Namespace, steps: Sequence[dict]) -> Iterator[dict]:
    """Yield the efficiency that the model expects on the hardware that the options name, up to 4,096 ranks."""
    costs = Costs(**json.loads(arguments.costs.read_text())) if arguments.costs else IDEAL
    network = Network(arguments.latency_us / 1e6, arguments.gbit * 1e9 / 8)
    for application in arguments.application or BATCHES:
        of_one = [row for row in steps if row["application"] == application and row["ranks"] == "1"]
        compute = arguments.compute_s or (float(of_one[0]["compute_s"]) if of_one else None)
        if compute is None:
            sys.exit("the curve needs the time to compute: run the part `steps`, or give --compute-s.")
        job = Job(compute, BYTES[application], network, not arguments.ring, costs, arguments.spread)
        for ranks in UP_TO:
            yield efficiency_row("modelled", application, ranks, job.efficiency(ranks))


def published_efficiency() -> Iterator[dict]:
    """Yield what others have published."""
    for name, (ranks, efficiency) in PUBLISHED.items():
        yield efficiency_row("published", name, ranks, efficiency)


def efficiency_row(kind: str, name: str, ranks: int, efficiency: float, scaling: str = "weak") -> dict:
    """Return a row of `efficiency.csv`; `kind` is measured, modelled or published, and `scaling` weak or strong."""
    return {"kind": kind, "name": name, "scaling": scaling, "ranks": ranks, "efficiency": f"{efficiency:.4f}"}


def write_table(path: Path, rows: Sequence[dict]) -> None:
    """Write rows as CSV, in place of an older table."""
    with whole_file(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def read_table(path: Path) -> list[dict]:
    """Read rows of CSV; none if there is no file."""
    if not path.exists():
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    sys.exit(main())
