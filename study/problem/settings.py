"""The one truth of a study's settings, and how the command line fills it."""

import argparse
import dataclasses
import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dipddpm.cli import OneLineParser, flag
from dipddpm.config import EARLIER_FIELDS, PRESETS, REGIMES, RunConfig, preset, today
from dipddpm.priors import PRIORS
from study.cluster.capacity import Capacity
from study.engine.plan import Plan
from study.engine.samplers import SAMPLERS, SCHEDULERS
from study.spec.errors import SettingError

OBJECTIVES = ("fid", "kid", "time_per_iteration_s", "time_total_s", "sample_time_s")

SPACES = ("original", "extended")

RUN = "study/run.py"
"""The command that studies are of, unless they say otherwise."""

FLAGS = {"epochs": "max_epochs", "time_budget_s": "time_budget"}
"""Where a field of the run goes by another name on the study's command line."""

DEFAULTS: dict[str, Any] = {
    "num_samples": 30,
    "preset": "quick",
    "dip_lr": (2e-4, 2e-2),
    "ddpm_lr": (1e-4, 1e-2),
    "space": "original",
    "objectives": "fid,time_per_iteration_s",
    "sampler": "gp",
    "scheduler": "asha",
    "reduction_factor": 3.0,
    "seed": 0,
    "cpus_per_trial": 1.0,
    "confirm_top": 1,
    "confirm_seeds": 5,
    "results_dir": Path("results"),
}
"""Of the flags; one that is not here depends on others or on the machine."""

STD = {"clean": (0.1, 1.5), "noisy": (0.5, 0.5)}
"""Default of ``--std`` by regime: of noisy images it is the problem, not a choice."""

PLACES = (
    *("resume", "name", "results_dir", "data_dir", "storage_url", "storage_path", "ray_address"),
    *("time_budget", "num_samples"),
)
"""Flags that say where or how long, not what: a study that is resumed does not remember them."""


@dataclass(frozen=True)
class StudySettings:
    """Everything a study depends on, resolved. Bad values raise :class:`SettingError`."""

    preset: str
    run: RunConfig
    """The base of every trial; the search replaces what it explores."""
    dip_lr: tuple[float, float]
    ddpm_lr: tuple[float, float]
    std: tuple[float, float]
    space: str
    objectives: tuple[str, ...]
    confirm_top: int
    """Trials of the front that are confirmed, besides the original's setting and the baseline."""
    confirm_seeds: int
    plan: Plan
    capacity: Capacity
    results_dir: Path
    storage_url: str | None
    storage_path: str | None
    ray_address: str | None

    def __post_init__(self) -> None:
        for name in ("dip_lr", "ddpm_lr", "std"):
            low, high = getattr(self, name)
            if not 0 < low <= high < math.inf or (low == high and name != "std"):
                raise SettingError(name, f"{low:g} {high:g}", "LO HI with 0 < LO < HI")
        low, high = self.std
        if self.run.regime == "noisy" and low != high:
            expected = "one value twice: with --regime noisy it is the problem, not a setting"
            raise SettingError("std", f"{low:g} {high:g}", expected)
        largest = max(self.run.batch_size, self.run.dip_batch_size)
        if self.run.train_size is not None and self.run.train_size < largest:
            raise SettingError("train_size", self.run.train_size, f"at least {largest}, a batch")
        if self.plan.grace_period > self.run.epochs:
            most = f"at most {self.run.epochs}, --max-epochs"
            raise SettingError("grace_period", self.plan.grace_period, most)
        unique = len(set(self.objectives)) == len(self.objectives)
        if not unique or not set(self.objectives) <= set(OBJECTIVES):
            known = f"one or more of {', '.join(OBJECTIVES)}, each once, with commas between"
            raise SettingError("objectives", ",".join(self.objectives), known)
        several = self.capacity.most_nodes > 1 or len(self.capacity.node_types) > 1
        if self.ray_address and several and not self.storage_path:
            everywhere = "a place that every node reaches: s3://bucket/folder or a shared folder"
            raise SettingError("storage_path", "not given", everywhere)
        if self.confirm_top < 0:
            raise SettingError("confirm_top", self.confirm_top, "0 (no confirmation) or more")
        if self.confirm_seeds < 2:
            raise SettingError("confirm_seeds", self.confirm_seeds, "at least 2, for an interval")

    def to_json(self) -> dict[str, Any]:
        """For ``study.json``; without the folders of the user's machine and without passwords."""
        data = dataclasses.asdict(self)
        for name in ("capacity", "results_dir", "storage_url", "storage_path", "ray_address"):
            del data[name]
        del data["run"]["data_dir"]
        data["run"]["dataset"] = Path(self.run.dataset).name
        return data


def new_parser(prog: str, description: str) -> OneLineParser:
    """Flags that are not given are absent from what it parses; :data:`DEFAULTS` fills them in."""
    return OneLineParser(
        prog=prog,
        description=description,
        formatter_class=argparse.RawTextHelpFormatter,
        argument_default=argparse.SUPPRESS,
    )


def make_parser() -> OneLineParser:
    parser = new_parser(RUN, "Search for the DIP and DDPM settings that pay: quality against time.")
    what = parser.add_argument_group("what is studied")
    what.add_argument("--num-samples", type=int, metavar="N", help="trials (30)")
    add_scale(what, quick_epochs=preset("quick").epochs)
    what.add_argument(
        "--regime",
        choices=REGIMES,
        help="clean: DIP and DDPM may see clean images; noisy: only corrupted ones (clean)",
    )
    what.add_argument(
        "--prior",
        choices=PRIORS,
        help="restorer: the DDPM learns from images restored by one network for all;\n"
        "dip: by the original Deep Image Prior, image by image; none: no DIP (restorer)",
    )
    what.add_argument(
        "--objectives",
        metavar="A,B",
        help=f"{DEFAULTS['objectives']} without it; the first one also stops trials early\n"
        f"of {', '.join(OBJECTIVES)}",
    )

    space = parser.add_argument_group("where the search looks")
    for name, default, meaning in (
        ("dip_lr", DEFAULTS["dip_lr"], "learning rate of DIP, log scale"),
        ("ddpm_lr", DEFAULTS["ddpm_lr"], "learning rate of the DDPM, log scale"),
        ("std", STD["clean"], "noise that DIP undoes, for images in [0, 1]"),
    ):
        space.add_argument(
            flag(name),
            type=float,
            nargs=2,
            metavar=("LO", "HI"),
            help=f"{meaning} ({default[0]:g} {default[1]:g})",
        )
    space.add_argument(
        "--space",
        type=today,
        choices=SPACES,
        help="original: these three; extended: also what moves the cost, dip_steps, batch_size,\n"
        "width and sampler_steps (original)",
    )

    how = parser.add_argument_group("how it searches")
    how.add_argument("--sampler", choices=SAMPLERS, help="Optuna's sampler (gp)")
    how.add_argument(
        "--scheduler",
        choices=SCHEDULERS,
        help="early stopping by the first objective, by all of them, or none (asha)",
    )
    how.add_argument(
        "--grace-period",
        type=int,
        metavar="N",
        help="epochs before a trial can be stopped (a ninth of --max-epochs)",
    )
    how.add_argument(
        "--reduction-factor",
        type=float,
        metavar="N",
        help="at each rung about 1 in N trials goes on (3)",
    )
    add_session(how, seed="of the search and of every trial (0)")
    how.add_argument(
        "--confirm-top",
        type=int,
        metavar="K",
        help="trials to run again beside the original's setting and the baseline without prior,\n"
        "with fresh seeds, scored on other images; 0: no confirmation (1)",
    )
    how.add_argument("--confirm-seeds", type=int, metavar="S", help="runs of each of them (5)")

    add_places(parser, more="--num-samples adds trials")
    return parser


def add_scale(what: argparse._ArgumentGroup, quick_epochs: int) -> None:
    """How large a study's runs are, and on which images."""
    what.add_argument(
        "--preset",
        type=today,
        choices=PRESETS,
        help="quick: digits, minutes on two cores; original: MNIST at the scale of the original\n"
        "report (quick)",
    )
    what.add_argument(
        "--dataset", help="digits, mnist, or a folder of images in class sub-folders (digits)"
    )
    what.add_argument(
        "--data-dir", metavar="DIR", help="folder that holds MNIST/raw (downloaded without it)"
    )
    what.add_argument("--train-size", type=int, metavar="N", help="training images (all)")
    what.add_argument("--dip-steps", type=int, metavar="N", help="DIP steps (quick 100)")
    what.add_argument(
        "--max-epochs", type=int, metavar="N", help=f"DDPM epochs (quick {quick_epochs})"
    )


def add_session(how: argparse._ArgumentGroup, seed: str) -> None:
    """How long a study runs; and the seed, whose part in it is told by ``seed``."""
    how.add_argument(
        "--time-budget", type=float, metavar="S", help="seconds after which no trial goes on"
    )
    how.add_argument("--seed", type=int, help=seed)


def add_places(parser: argparse.ArgumentParser, more: str) -> None:
    """On what a study runs, and where its results go; ``more`` is what a larger figure adds."""
    where = parser.add_argument_group("on what, and where results go")
    where.add_argument("--cpus-per-trial", type=float, metavar="X", help="cores of each trial (1)")
    where.add_argument(
        "--gpus-per-trial",
        type=float,
        metavar="X",
        help="GPUs of each trial; 0.5 puts two on one (1 if there is a GPU, else 0)",
    )
    where.add_argument(
        "--max-concurrent", type=int, metavar="N", help="trials at once (as many as fit)"
    )
    where.add_argument("--name", help="of the study and its folder (a date)")
    where.add_argument(
        "--resume",
        nargs="?",
        const="",
        metavar="NAME",
        help="finish a study that was cut off (the latest without a name), with the flags that it\n"
        f"began with, but for those of places (--data-dir and these); a larger\n{more}",
    )
    where.add_argument(
        "--storage-url",
        metavar="URL",
        help="an Optuna storage to keep the trials in (study.db in the results folder)",
    )
    where.add_argument(
        "--storage-path",
        metavar="URI",
        help="s3://bucket/folder or a shared folder: its NAME/ holds checkpoints and a copy of\n"
        "the results, from which --resume goes on anywhere (the results folder alone)",
    )
    where.add_argument(
        "--ray-address",
        metavar="ADDR",
        help="auto or HOST:PORT of a running Ray cluster to join (a private Ray on this machine)",
    )
    where.add_argument("--results-dir", type=Path, metavar="DIR", help="of all studies (results)")


def resolve(given: Mapping[str, Any], capacity: Capacity) -> StudySettings:
    """Settings from the flags that were given, for a machine or a cluster.

    Raises:
        SettingError: names the field whose flag is wrong.
    """
    args = {**DEFAULTS, **given}
    base = preset(args["preset"])
    epochs = args.get("max_epochs", base.epochs)
    ninth = max(1, epochs // 9)  # rungs at 1/9, 1/3 and 1 of the epochs, with the factor of 3
    fields = ("dataset", "data_dir", "train_size", "regime", "prior", "dip_steps")
    changes = {name: args[name] for name in fields if name in args}
    for name in ("dataset", "data_dir"):  # absolute: workers run in a folder of their own
        if _is_folder(changes.get(name)):
            changes[name] = str(Path(changes[name]).resolve())
    std = tuple(args.get("std", STD[changes.get("regime", "clean")]))
    if std[0] == std[1]:
        changes["std"] = std[0]
    run = dataclasses.replace(base, seed=args["seed"], epochs=epochs, eval_every=ninth, **changes)
    dated = f"{datetime.datetime.now():%Y-%m-%d-%H%M%S}-{Path(run.dataset).name}"
    plan = Plan(
        name=args.get("name", dated),
        num_samples=args["num_samples"],
        sampler=args["sampler"],
        scheduler=args["scheduler"],
        grace_period=args.get("grace_period", ninth),
        reduction_factor=args["reduction_factor"],
        cpus_per_trial=args["cpus_per_trial"],
        gpus_per_trial=args.get("gpus_per_trial", min(1, capacity.gpus)),
        slots=1,
        seed=args["seed"],
        time_budget_s=args.get("time_budget"),
    )
    most = args.get("max_concurrent")
    slots = capacity.slots(plan.cpus_per_trial, plan.gpus_per_trial, most)
    return StudySettings(
        preset=args["preset"],
        run=run,
        dip_lr=tuple(args["dip_lr"]),
        ddpm_lr=tuple(args["ddpm_lr"]),
        std=std,
        space=args["space"],
        objectives=tuple(args["objectives"].split(",")),
        confirm_top=args["confirm_top"],
        confirm_seeds=args["confirm_seeds"],
        plan=dataclasses.replace(plan, slots=min(slots, plan.num_samples)),
        capacity=capacity,
        results_dir=args["results_dir"],
        storage_url=args.get("storage_url"),
        storage_path=args.get("storage_path"),
        ray_address=args.get("ray_address"),
    )


def remembered(given: Mapping[str, Any]) -> dict[str, Any]:
    """Of the flags that were given, those that a resumed study begins with."""
    kept = {name: value for name, value in given.items() if name not in PLACES}
    if _is_folder(kept.get("dataset")):
        del kept["dataset"]  # the user's own, which is given again
    return kept


def _is_folder(value: str | None) -> bool:
    return value is not None and value != "" and Path(value).is_dir()


def read_earlier(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``study.json`` of this version or of 0.1, with its settings by today's names."""
    settings = {name: today(value) for name, value in info["settings"].items()}
    settings["run"] = {EARLIER_FIELDS.get(k, k): today(v) for k, v in settings["run"].items()}
    arguments = {name: today(value) for name, value in info["arguments"].items()}
    return {**info, "settings": settings, "arguments": arguments}


FREE = ("sampler", "scheduler", "grace_period", "reduction_factor", "num_samples", "slots", "name")
"""Of the plan, what may change from one session of a study to the next; so may the time budget."""


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, Any, Any] | None:
    """The first setting whose change would mix what cannot be compared: name, before and now.

    Both are :meth:`StudySettings.to_json`, one of them read back.
    """
    flat = [_flat(before), _flat(now)]
    for name, new in flat[1].items():
        old = flat[0].get(name, new)  # what an older study does not name had no other value
        if old != new:
            return name, old, new
    return None


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What may not change, by field name, tuples as JSON has them."""
    plan = {k: v for k, v in settings["plan"].items() if k not in (*FREE, "time_budget_s")}
    rest = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in settings.items()
        if name not in ("plan", "run", "preset", "confirm_top", "confirm_seeds")
    }
    return {**settings["run"], **rest, **plan}
