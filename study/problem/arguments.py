"""What the command line of a study takes: every flag is a field of a dataclass, defaults included.

The flags are the fields of :class:`Arguments`, the intervals of what is always searched, and the
fields of a run (:class:`RunConfig`) that the study does not set itself.
"""

import dataclasses
from argparse import SUPPRESS
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dipddpm.cli import READERS, OneLineParser, add_field_flag, flag, preset_default
from dipddpm.config import PRESETS, RunConfig, preset
from study.engine.plan import Plan
from study.engine.samplers import SAMPLERS, SCHEDULERS
from study.engine.trackers import PACKAGES
from study.problem.metrics import OBJECTIVES, can_choose, default_objectives
from study.problem.search_space import DRAWING, EXTENDED, ORIGINAL, SEARCHABLE, SPACES, Interval

RUN = "study/run.py"
"""The command whose studies are searches; it is meant where a study names no command."""

FLAGS = {"epochs": "max_epochs", "time_budget_s": "time_budget"}
"""The flags that are not called by their field."""

SET_BY_STUDY = ("score_split",)
"""The field of a run that is no choice: a search never sees the images of the confirmation."""

DERIVED = {
    "eval_every": "at the rungs of early stopping and the end alone, or a ninth of --max-epochs "
    "where time_to_quality_s is an objective"
}
"""The fields of a run whose default follows from another flag, and how."""

SMOKE_TEST: Mapping[str, Any] = {
    **{"dataset": "digits", "train_size": 200, "dip_steps": 3, "epochs": 2},
    **{"num_samples": 3, "confirm_seeds": 2},
}
"""What ``--smoke-test`` sets where no flag of its own does: enough to go through every stage."""

INTERVALS = tuple(name for name, each in SEARCHABLE.items() if each.is_always_searched)
"""The flags that take an interval, LO HI; all other fields of a run take a value."""

RESULTS_DIR = Path("results")

PLACES = (
    *("resume", "name", "results_dir", "data_dir", "storage_url", "storage_path", "ray_address"),
    *("time_budget_s", "num_samples", "retry_failed", "start_from", "start_points", "log_to"),
    *("budget", "price_per_hour"),
)
"""Fields that say where or how long, not what: a resumed study does not remember them."""


def _added(space: str) -> list[str]:
    """Return what a space has that is not always searched."""
    found = SEARCHABLE.items()
    return [n for n, each in found if space in each.spaces and not each.is_always_searched]


def _argument(default: Any, meaning: str, depends: str = "", **options: Any) -> Any:
    """Return a field with a flag.

    Args:
        meaning: for ``--help``.
        depends: the default in words, where it depends on others or on the machine.
        options: of argparse, ``choices`` among them.
    """
    metadata = {"help": meaning, "depends": depends, **options}
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Arguments:
    """What the command line of a study can say besides the fields of a run, with the defaults."""

    preset: str = _argument(
        "quick",
        "where a run's settings start from: quick takes minutes on two cores; original is MNIST at "
        "the scale of the original report; compact is that scale with smaller networks, for cores",
        choices=tuple(PRESETS),
    )
    num_samples: int = _argument(
        Plan.num_samples, "trials to run, those of earlier sessions included"
    )
    smoke_test: bool = _argument(
        False,
        "search, confirmation and page in under a minute on two cores, with "
        + ", ".join(f"{FLAGS.get(name, name)} {value}" for name, value in SMOKE_TEST.items())
        + ", unless given: to see that all works; its figures mean nothing",
    )
    objectives: str | None = _argument(
        None,
        f"what is optimised, of {', '.join(OBJECTIVES)}; the first also decides early stopping; "
        f"with --regime noisy of {', '.join(can_choose('noisy'))}, which see no clean image",
        ",".join(default_objectives("clean"))
        + "; regime noisy: "
        + ",".join(default_objectives("noisy"))
        + "; space drawing: "
        + ",".join(default_objectives("clean", DRAWING)),
        metavar="A,B",
    )
    space: str = _argument(
        ORIGINAL,
        f"what is searched: original varies {', '.join(INTERVALS)}; extended also "
        f"{', '.join(_added(EXTENDED))}; drawing also {', '.join(_added(DRAWING))}, for new images "
        "in little time",
        choices=SPACES,
    )

    start_from: Path | None = _argument(  # noqa: RUF009
        None,
        "results folder of another search; the settings on its Pareto front are tried first",
        metavar="DIR",
    )
    start_points: Path | None = _argument(  # noqa: RUF009
        None,
        "CSV or JSON file of settings that are tried first, with a column for each searched "
        "parameter",
        metavar="FILE",
    )
    sampler: str = _argument(Plan.sampler, "Optuna's sampler", choices=SAMPLERS)
    scheduler: str = _argument(
        Plan.scheduler,
        "early stopping, by the first objective (asha), by all (pareto-asha) or none",
        choices=SCHEDULERS,
    )
    grace_period: int | None = _argument(
        None, "epochs before a trial can be stopped", "a quarter of --max-epochs"
    )
    reduction_factor: float = _argument(Plan.reduction_factor, "at each rung 1 in X trials goes on")
    seed: int = _argument(Plan.seed, "seed of the search and of every trial")
    time_budget_s: float | None = _argument(
        None, "time [s] after which the study ends, to be resumed", "none", metavar="S"
    )

    budget: float | None = _argument(
        None,
        "GPU hours (core hours where trials have no GPU) after which the study ends, confirmation "
        "included, to be resumed; or what they cost, with --price-per-hour",
        "none",
        metavar="X",
    )
    price_per_hour: float | None = _argument(
        None,
        "price of an hour of one GPU (of one core where trials have no GPU), in any currency",
        "none",
        metavar="X",
    )

    confirm_top: int = _argument(
        1,
        "best trials to run again with fresh seeds, beside the original's setting and the baseline "
        "without prior, scored on other images; 0: no confirmation",
    )
    confirm_seeds: int = _argument(
        16,
        "most runs of each setting that is confirmed; they come in groups, up to 4, 6, 9, 12 and "
        "16, until each comparison is decided; with --resume, more can be added",
    )

    cpus_per_trial: float = _argument(Plan.cpus_per_trial, "cores of each trial")
    gpus_per_trial: float | None = _argument(
        None, "GPUs of each trial; 0.5 puts two on one", "1 if there is a GPU, else 0"
    )
    max_concurrent: int | None = _argument(None, "trials at once", "as many as fit")
    name: str | None = _argument(None, "name of the study and its folder", "date, time and data")
    resume: str | None = _argument(
        None,
        "finish a study that was cut off, or add to it; the latest without a name. The flags that "
        "it began with are remembered, but for --data-dir, --time-budget, --budget, "
        "--price-per-hour, --results-dir, --storage-url, --storage-path, --log-to and "
        "--ray-address",
        nargs="?",
        const="",
        metavar="NAME",
    )
    retry_failed: bool = _argument(
        False, "with --resume, try trials that failed again, from their last checkpoint if any"
    )
    storage_url: str | None = _argument(
        None, "Optuna storage that gets the trials", "study.db in the results folder"
    )
    storage_path: str | None = _argument(
        None,
        "s3://bucket/folder, gs://bucket/folder or a shared folder whose NAME/ gets checkpoints "
        "and a copy of the results, from which --resume goes on anywhere",
        "the results folder alone",
        metavar="URI",
    )
    log_to: str | None = _argument(
        None,
        f"trackers that get the trials too, of {', '.join(PACKAGES)}, with commas between",
        "none",
        metavar="A,B",
    )
    ray_address: str | None = _argument(
        None,
        "auto or HOST:PORT of a running Ray cluster to join",
        "a private Ray on this machine",
    )
    results_dir: Path = _argument(RESULTS_DIR, "folder of all studies")  # noqa: RUF009


NAMES = tuple(field.name for field in dataclasses.fields(Arguments))

RUN_FIELDS = tuple(
    field.name
    for field in dataclasses.fields(RunConfig)
    if field.name not in (*INTERVALS, *NAMES, *SET_BY_STUDY)
)

WHAT = NAMES[: NAMES.index("start_from")]
SEARCH = NAMES[NAMES.index("start_from") : NAMES.index("seed")]
SESSION = ("time_budget_s", "budget", "price_per_hour", "seed")
MACHINE = NAMES[NAMES.index("cpus_per_trial") :]
"""Fields that say on what a study runs, and where its results go."""


def make_parser(prog: str = RUN) -> OneLineParser:
    """Return the parser of ``study/run.py``."""
    parser = new_parser(
        prog, "Search for the DIP and DDPM settings that pay: quality against time."
    )
    what = add_group(parser, "what is studied", WHAT)
    for name in INTERVALS:
        what.add_argument(
            flag(name),
            type=READERS[float],
            nargs=2,
            metavar=("LO", "HI"),
            help=_describe_interval(name),
        )
    add_group(parser, "how it searches", (*SEARCH, *SESSION))
    add_group(parser, "what is confirmed afterwards", ("confirm_top", "confirm_seeds"))
    add_group(parser, "on what it runs, and where results go", MACHINE)
    add_group(
        parser,
        "every trial's run; where the search varies a setting, the value it starts from",
        RUN_FIELDS,
    )
    return parser


def new_parser(prog: str, description: str) -> OneLineParser:
    """Return a parser; a flag that is not given is absent from what it parses."""
    return OneLineParser(
        prog=prog,
        description=description,
        usage="%(prog)s [--FLAG VALUE …]",
        argument_default=SUPPRESS,
    )


def add_group(
    parser: OneLineParser,
    title: str,
    names: Iterable[str],
    called: Mapping[str, str] = FLAGS,
    defaults: Mapping[str, str] | None = None,
    meanings: Mapping[str, str] | None = None,
) -> Any:
    """Add flags for fields of :class:`Arguments` or of a run, under a heading; return the group.

    Args:
        called: the flags that are not called by their field.
        defaults: defaults in words that differ from the fields' own.
        meanings: help texts that differ from the fields' own.
    """
    group = parser.add_argument_group(title)
    for name in names:
        kind = Arguments if name in NAMES else RunConfig
        default = (defaults or {}).get(name) or DERIVED.get(name) or _default(name)
        meaning = (meanings or {}).get(name)
        add_field_flag(group, kind, name, default=default, called=called.get(name), meaning=meaning)
    return group


def _default(name: str) -> str:
    """Return a field's default in words."""
    if name not in NAMES:
        return preset_default(name)
    field = next(f for f in dataclasses.fields(Arguments) if f.name == name)
    return field.metadata["depends"] or ("" if field.default is None else f"{field.default}")


def _describe_interval(name: str) -> str:
    each = SEARCHABLE[name]
    meaning = next(f for f in dataclasses.fields(RunConfig) if f.name == name).metadata["help"]
    clean, noisy = (_words(each.interval(preset("quick", regime=r))) for r in ("clean", "noisy"))
    default = clean if clean == noisy else f"{clean}; regime noisy: {noisy}"
    scale = ", on a log scale" if each.log else ""
    return (
        f"{meaning}: the interval that is searched{scale}; with --resume it can become wider "
        f"(default: {default})"
    )


def _words(interval: Interval) -> str:
    return " ".join(f"{end:g}" for end in interval)
