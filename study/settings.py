"""The one truth of a study's settings, and how the command line fills it."""

import argparse
import dataclasses
import datetime
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dipddpm.cli import OneLineParser, flag
from dipddpm.config import PRESETS, RunConfig, preset
from dipddpm.data import DATASETS
from dipddpm.errors import ConfigError
from study.plan import Plan, count_slots
from study.search import SAMPLERS, SCHEDULERS

OBJECTIVES = ("fid", "kid", "time_per_iteration_s", "time_total_s", "sample_time_s")


FLAGS = {"epochs": "max_epochs"}
"""Where a field of the run goes by another name on the study's command line."""


@dataclass(frozen=True)
class StudySettings:
    """Everything a study depends on, resolved. Bad values raise :class:`ConfigError`."""

    preset: str
    run: RunConfig
    """The base of every trial; the search replaces what it explores."""
    dip_lr: tuple[float, float]
    ddpm_lr: tuple[float, float]
    std: tuple[float, float]
    objectives: tuple[str, ...]
    plan: Plan
    results_dir: Path

    def __post_init__(self) -> None:
        for name in ("dip_lr", "ddpm_lr", "std"):
            low, high = getattr(self, name)
            if not 0 < low < high < math.inf:
                raise ConfigError(name, f"{low:g} {high:g}", "LO HI with 0 < LO < HI")
        largest = max(self.run.batch_size, self.run.dip_batch_size)
        if self.run.train_size is not None and self.run.train_size < largest:
            raise ConfigError("train_size", self.run.train_size, f"at least {largest}, a batch")
        if self.plan.grace_period > self.run.epochs:
            most = f"at most {self.run.epochs}, --max-epochs"
            raise ConfigError("grace_period", self.plan.grace_period, most)
        unique = len(set(self.objectives)) == len(self.objectives)
        if not unique or not set(self.objectives) <= set(OBJECTIVES):
            known = f"one or more of {', '.join(OBJECTIVES)}, each once, with commas between"
            raise ConfigError("objectives", ",".join(self.objectives), known)

    def to_json(self) -> dict[str, Any]:
        """For ``study.json``; without the folders of the user's machine."""
        data = dataclasses.asdict(self)
        del data["results_dir"], data["run"]["data_dir"]
        return data


def make_parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="study/run.py",
        description="Search for the DIP and DDPM settings that pay: quality against time.",
        formatter_class=argparse.RawTextHelpFormatter,
    )
    what = parser.add_argument_group("what is studied")
    what.add_argument("--num-samples", type=int, default=30, metavar="N", help="trials (30)")
    what.add_argument(
        "--preset",
        choices=PRESETS,
        default="quick",
        help="quick: digits, minutes on two cores; report: MNIST at the report's scale (quick)",
    )
    what.add_argument("--dataset", choices=DATASETS, help="digits or mnist (the preset's)")
    what.add_argument(
        "--data-dir", metavar="DIR", help="folder that holds MNIST/raw (downloaded without it)"
    )
    what.add_argument("--train-size", type=int, metavar="N", help="training images (all)")
    what.add_argument(
        "--prior",
        choices=("restorer", "none"),
        help="restorer: the DDPM learns from DIP's images; none: no DIP (restorer)",
    )
    what.add_argument("--dip-steps", type=int, metavar="N", help="DIP steps (quick 150)")
    what.add_argument("--max-epochs", type=int, metavar="N", help="DDPM epochs (quick 36)")
    what.add_argument(
        "--objectives",
        default="fid,time_per_iteration_s",
        metavar="A,B",
        help=f"minimised; the first one also stops trials early\nof {', '.join(OBJECTIVES)}",
    )

    space = parser.add_argument_group("where the search looks")
    for name, low, high, meaning in (
        ("dip_lr", 2e-4, 2e-2, "learning rate of DIP, log scale"),
        ("ddpm_lr", 1e-4, 1e-2, "learning rate of the DDPM, log scale"),
        ("std", 0.1, 1.5, "noise that DIP undoes, for images in [0, 1]"),
    ):
        space.add_argument(
            flag(name),
            type=float,
            nargs=2,
            default=(low, high),
            metavar=("LO", "HI"),
            help=f"{meaning} ({low:g} {high:g})",
        )

    how = parser.add_argument_group("how it searches")
    how.add_argument("--sampler", choices=SAMPLERS, default="tpe", help="Optuna's sampler (tpe)")
    how.add_argument(
        "--scheduler", choices=SCHEDULERS, default="asha", help="early stopping, or none (asha)"
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
        default=3,
        metavar="N",
        help="at each rung about 1 in N trials goes on (3)",
    )
    how.add_argument("--seed", type=int, default=0, help="of the search and of every trial (0)")

    where = parser.add_argument_group("on what, and where results go")
    where.add_argument(
        "--cpus-per-trial", type=float, default=1, metavar="X", help="cores of each trial (1)"
    )
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
        "--results-dir",
        type=Path,
        default=Path("results"),
        metavar="DIR",
        help="of all studies (results)",
    )
    return parser


def resolve(args: argparse.Namespace, cpus: int, gpus: int) -> StudySettings:
    """Settings from parsed flags, for a machine with so many cores and GPUs.

    Raises:
        ConfigError: names the field whose flag is wrong.
    """
    base = preset(args.preset)
    epochs = base.epochs if args.max_epochs is None else args.max_epochs
    ninth = max(1, epochs // 9)  # rungs at 1/9, 1/3 and 1 of the epochs, with the factor of 3
    given = {
        "dataset": args.dataset,
        # absolute: workers run in a folder of their own
        "data_dir": args.data_dir and str(Path(args.data_dir).resolve()),
        "train_size": args.train_size,
        "prior": args.prior,
        "dip_steps": args.dip_steps,
    }
    given = {name: value for name, value in given.items() if value is not None}
    run = dataclasses.replace(base, seed=args.seed, epochs=epochs, eval_every=ninth, **given)
    gpus_per_trial = min(1, gpus) if args.gpus_per_trial is None else args.gpus_per_trial
    dated = f"{datetime.datetime.now():%Y-%m-%d-%H%M%S}-{run.dataset}"
    plan = Plan(
        name=dated if args.name is None else args.name,
        num_samples=args.num_samples,
        sampler=args.sampler,
        scheduler=args.scheduler,
        grace_period=ninth if args.grace_period is None else args.grace_period,
        reduction_factor=args.reduction_factor,
        cpus_per_trial=args.cpus_per_trial,
        gpus_per_trial=gpus_per_trial,
        slots=1,
        seed=args.seed,
    )
    slots = count_slots(cpus, gpus, plan.cpus_per_trial, plan.gpus_per_trial, args.max_concurrent)
    return StudySettings(
        preset=args.preset,
        run=run,
        dip_lr=tuple(args.dip_lr),
        ddpm_lr=tuple(args.ddpm_lr),
        std=tuple(args.std),
        objectives=tuple(args.objectives.split(",")),
        plan=dataclasses.replace(plan, slots=min(slots, plan.num_samples)),
        results_dir=args.results_dir,
    )
