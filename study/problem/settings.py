"""Everything that a study depends on, resolved from its command line."""

import dataclasses
import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dipddpm.config import RunConfig, preset, shareable
from dipddpm.data import DATA_SOURCES
from dipddpm.priors import PRIORS
from study.cluster.capacity import Capacity
from study.engine.plan import Plan
from study.engine.trackers import check_installed
from study.problem.arguments import INTERVALS, RUN_FIELDS, SMOKE_TEST, Arguments
from study.problem.metrics import METRICS, OBJECTIVES, OF_PRIOR, can_choose, default_objectives
from study.problem.search_space import DRAWING, SEARCHABLE, Interval
from study.results.folder import as_name
from study.spec import halving
from study.spec.errors import SettingError
from study.spec.seeds import MAX_CONFIRMED


@dataclass(frozen=True)
class StudySettings:
    """Everything that a study depends on.

    Raises:
        SettingError: a value is out of bounds.
    """

    preset: str
    run: RunConfig
    """The configuration that all trials start from; the search replaces what it varies."""
    intervals: Mapping[str, Interval]
    """Where the parameters are searched whose interval has a flag, by name."""
    space: str
    objectives: tuple[str, ...]
    confirm_top: int
    """The number of best trials that are confirmed, beside the original's and the baseline."""
    confirm_seeds: int
    plan: Plan
    capacity: Capacity
    results_dir: Path
    storage_url: str | None
    storage_path: str | None
    ray_address: str | None
    smoke_test: bool = False
    """Whether it only shows that all works."""
    retry_failed: bool = False
    """Whether trials that failed in an earlier session are tried again."""
    start_from: Path | None = None
    """A study whose front the search tries first."""
    start_points: Path | None = None
    """A file of settings that the search tries first."""
    log_to: tuple[str, ...] = ()
    """The trackers that get the trials."""
    budget: float | None = None
    """Hours that the study may use, or their price if there is a price per hour."""
    price_per_hour: float | None = None
    """The price of an hour of one GPU, of one core where trials have no GPU."""

    def __post_init__(self) -> None:
        for name, (low, high) in self.intervals.items():
            fixed = low == high and SEARCHABLE[name].can_be_fixed
            if not (0 < low < high < math.inf or (fixed and 0 < low < math.inf)):
                raise SettingError(name, f"{low:g} {high:g}", "LO HI with 0 < LO < HI")
        low, high = self.intervals["std"]
        if self.run.regime == "noisy" and low != high:
            expected = "one value twice: with --regime noisy it is the problem, not a setting"
            raise SettingError("std", f"{low:g} {high:g}", expected)
        largest = max(self.run.batch_size, self.run.dip_batch_size)
        if self.run.train_size is not None and self.run.train_size < largest:
            raise SettingError("train_size", self.run.train_size, f"at least {largest}, a batch")
        if self.plan.grace_period > self.run.epochs:
            most = f"at most {self.run.epochs}, --max-epochs"
            raise SettingError("grace_period", self.plan.grace_period, most)
        if self.space == DRAWING and self.run.regime == "noisy":
            expected = "original or extended: with --regime noisy nothing tells copies of images"
            raise SettingError("space", self.space, expected)
        unique = len(set(self.objectives)) == len(self.objectives)
        if not unique or not set(self.objectives) <= set(OBJECTIVES):
            known = f"one or more of {', '.join(OBJECTIVES)}, each once, with commas between"
            raise SettingError("objectives", ",".join(self.objectives), known)
        if not PRIORS[self.run.prior].restores and (wrong := set(self.objectives) & set(OF_PRIOR)):
            expected = f"without {', '.join(sorted(wrong))}, which --prior {self.run.prior} lacks"
            raise SettingError("objectives", ",".join(self.objectives), expected)
        if unfit := [n for n in self.objectives if n not in can_choose(self.run.regime)]:
            why = (
                "which rests on clean images: with --regime noisy it can judge, but not choose"
                if self.run.regime == "noisy"
                else "which only --regime noisy has"
            )
            expected = f"without {', '.join(unfit)}, {why}"
            raise SettingError("objectives", ",".join(self.objectives), expected)
        several = self.capacity.most_nodes > 1 or len(self.capacity.node_types) > 1
        if self.ray_address and several and not self.storage_path:
            everywhere = "s3://bucket/folder or a shared folder, which every node reaches"
            raise SettingError("storage_path", "not given", everywhere)
        check_installed(self.log_to)
        for name in ("budget", "price_per_hour"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise SettingError(name, value, "a number above 0")
        if self.confirm_top < 0:
            raise SettingError("confirm_top", self.confirm_top, "0 (no confirmation) or more")
        if self.confirm_top > self.plan.num_samples:
            most = f"at most {self.plan.num_samples}, --num-samples"
            raise SettingError("confirm_top", self.confirm_top, most)
        if self.confirm_seeds < 2:
            raise SettingError("confirm_seeds", self.confirm_seeds, "at least 2, for an interval")
        if self.confirm_seeds > MAX_CONFIRMED:
            most = f"at most {MAX_CONFIRMED}: replicates of the search have the seeds beyond"
            raise SettingError("confirm_seeds", self.confirm_seeds, most)

    @property
    def budget_hours(self) -> float | None:
        """Return the hours that the study may use, all its parts together; None for any."""
        return None if self.budget is None else self.budget / (self.price_per_hour or 1.0)

    @property
    def rungs(self) -> tuple[int, ...]:
        """The epochs after which the scheduler may stop a trial."""
        if self.plan.scheduler == "none":
            return ()
        first, factor = self.plan.grace_period, self.plan.reduction_factor
        found = halving.rungs(first, factor, self.run.epochs)
        return tuple(dict.fromkeys(math.ceil(rung) for rung in found))

    @property
    def expected_epochs(self) -> float:
        """The mean epochs of a trial, of which successive halving stops most early."""
        plan, epochs = self.plan, self.run.epochs
        first = epochs if plan.scheduler == "none" else plan.grace_period
        factor = plan.reduction_factor
        return halving.expected_resource(epochs, first, factor, 1 / factor)

    def evaluations(self, epochs: float) -> int:
        """Return how often a trial is evaluated in its first epochs."""
        last = self.run.epochs
        evaluated = {*range(0, last, self.run.eval_every), *self.rungs, last} - {0}
        return sum(epoch <= epochs for epoch in evaluated)

    def to_json(self) -> dict[str, Any]:
        """Return the settings for ``study.json``, without passwords and folders of this machine."""
        data = dataclasses.asdict(self)
        places = ("results_dir", "storage_url", "storage_path", "ray_address")
        session = (
            "retry_failed",
            "start_from",
            "start_points",
            "log_to",
            "budget",
            "price_per_hour",
        )
        for name in ("capacity", *places, *session):
            del data[name]
        data["run"] = shareable(self.run)
        del data["run"]["data_dir"]
        return data | data.pop("intervals")


def resolve(given: Mapping[str, Any], capacity: Capacity) -> StudySettings:
    """Return the settings that the given flags mean, on a machine or a cluster.

    Args:
        given: values by field, of :class:`Arguments`, of a run, or intervals.

    Raises:
        SettingError, ConfigError: names the field whose value is wrong.
    """
    given = {**(SMOKE_TEST if given.get("smoke_test") else {}), **given}
    chosen = Arguments(**{k: v for k, v in given.items() if k not in (*RUN_FIELDS, *INTERVALS)})
    if chosen.retry_failed and chosen.resume is None:
        raise SettingError("retry_failed", "given", "--resume: a new study has none")
    run, intervals = _run(chosen, given)
    gpus, grace_period = chosen.gpus_per_trial, chosen.grace_period
    now = datetime.datetime.now()
    plan = Plan(
        # with milliseconds: studies are started several at a time, too
        name=f"{now:%Y-%m-%d-%H%M%S}.{now.microsecond // 1000:03}-{as_name(Path(run.dataset).name)}"
        if chosen.name is None
        else chosen.name,
        num_samples=chosen.num_samples,
        sampler=chosen.sampler,
        scheduler=chosen.scheduler,
        grace_period=_quarter(run.epochs) if grace_period is None else grace_period,
        reduction_factor=chosen.reduction_factor,
        cpus_per_trial=chosen.cpus_per_trial,
        gpus_per_trial=min(1, capacity.gpus) if gpus is None else gpus,
        slots=1,
        seed=chosen.seed,
        time_budget_s=chosen.time_budget_s,
    )
    slots = capacity.slots(plan.cpus_per_trial, plan.gpus_per_trial, chosen.max_concurrent)
    return StudySettings(
        preset=chosen.preset,
        run=run,
        intervals=intervals,
        space=chosen.space,
        objectives=_objectives(chosen, run),
        confirm_top=chosen.confirm_top,
        confirm_seeds=chosen.confirm_seeds,
        plan=dataclasses.replace(plan, slots=min(slots, plan.num_samples)),
        capacity=capacity,
        results_dir=chosen.results_dir,
        storage_url=chosen.storage_url,
        storage_path=chosen.storage_path,
        ray_address=chosen.ray_address,
        smoke_test=chosen.smoke_test,
        retry_failed=chosen.retry_failed,
        start_from=chosen.start_from,
        start_points=chosen.start_points,
        budget=chosen.budget,
        price_per_hour=chosen.price_per_hour,
        log_to=tuple(chosen.log_to.split(",")) if chosen.log_to else (),
    )


def _objectives(chosen: Arguments, run: RunConfig) -> tuple[str, ...]:
    if chosen.objectives is None:
        return default_objectives(run.regime, chosen.space)
    return tuple(chosen.objectives.split(","))


def _run(chosen: Arguments, given: Mapping[str, Any]) -> tuple[RunConfig, dict[str, Interval]]:
    """Return the configuration that all trials start from, and where they are searched."""
    changes = {name: given[name] for name in RUN_FIELDS if name in given}
    folders = {"dataset": is_own_folder, "data_dir": _is_folder}
    for name, is_folder in folders.items():  # absolute: workers run in a folder of their own
        if is_folder(changes.get(name)):
            changes[name] = str(Path(changes[name]).resolve())
    run = preset(chosen.preset, seed=chosen.seed, **changes)
    if "eval_every" not in given:  # then where it decides: rungs are evaluated in any case
        objectives = _objectives(chosen, run)
        awaited = any(m.awaited and m.unit == "s" and m.name in objectives for m in METRICS)
        every = max(1, run.epochs // 9) if awaited else run.epochs
        run = dataclasses.replace(run, eval_every=every)
    intervals: dict[str, Interval] = {
        name: tuple(given.get(name, SEARCHABLE[name].interval(run))) for name in INTERVALS
    }
    fixed: dict[str, Any] = {
        name: low
        for name, (low, high) in intervals.items()
        if low == high and SEARCHABLE[name].can_be_fixed
    }
    return dataclasses.replace(run, **fixed), intervals


def _quarter(epochs: int) -> int:
    """Return the first rung, at a quarter of the epochs: by the usual factor the only one."""
    return math.ceil(epochs / 4)


def is_own_folder(dataset: str | None) -> bool:
    """Whether a data set is a folder; the name of a data source is none, whatever lies here."""
    return dataset not in DATA_SOURCES and _is_folder(dataset)


def _is_folder(value: str | None) -> bool:
    return value is not None and value != "" and Path(value).is_dir()
