"""The trials of a study as Ray gets them: those of earlier sessions first, then new ones.

Ray's own restore knows only its last snapshot: it loses what came after, cannot add trials, and
forgets the scheduler's rungs. Here Ray starts anew in each session and gets what the results folder
knows: trials that have ended, as ended, and trials that were cut off, with their checkpoints.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from ray.exceptions import RayActorError
from ray.train._internal.session import _TrainingResult
from ray.tune import Checkpoint
from ray.tune.experiment import Experiment, Trial
from ray.tune.search import SearchAlgorithm, Searcher

from study.engine.asha import SuccessiveHalving
from study.engine.reporting import METRICS, Evaluation
from study.spec.problem import Problem, Value
from study.spec.seeds import search_seeds
from study.spec.status import TrialStatus


@dataclass(frozen=True)
class RecoveredTrial:
    """A trial that an earlier session began."""

    trial_id: str
    parameters: Mapping[str, Value]
    seed: int
    status: TrialStatus
    """One of the ended ones, ``PAUSED``, or ``INTERRUPTED`` if the trial is to go on."""
    resource: int
    evaluations: int
    metrics: Mapping[str, Any]
    """The values of its last evaluation."""
    checkpoint: str | None
    """The name of the checkpoint folder that it goes on from; None if it has none."""
    curve: Sequence[Evaluation] = ()
    """Its evaluations, for the searcher."""


class QueuedTrial(Trial):
    """A trial to which each death of a worker counts once.

    Where a worker dies that is being given to a trial, Ray tells of it twice. First it fails the
    trial and puts it back, then it fails the trial that waits again, and gives it up for good.
    """

    repeated = False
    """Whether the last failure had been told before."""

    def handle_error(self, exc: Any = None) -> None:
        """Count a failure, unless it is the second word of the same death."""
        self.repeated = self.status == Trial.PENDING and isinstance(exc, RayActorError)
        if not self.repeated:
            super().handle_error(exc)

    @property
    def has_tries_left(self) -> bool:
        """Whether the trial may fail once more, even where Ray has given it up."""
        return bool(self.run_metadata.num_failures <= self.max_failures)


def new_trial_id() -> str:
    """Return Ray's name for a new trial, but none that a reader of tables takes for a number.

    Of the eight hexadecimal digits one is a letter other than e: pandas reads 12e45678 as infinite.
    """
    while not set("abcdf") & set(trial_id := Trial.generate_id()):
        pass
    return trial_id


class TrialQueue(SearchAlgorithm):
    """The queue of trials that Ray takes from, at most ``slots`` at a time.

    The bound is kept here: Ray would hold one more trial in waiting. A cluster would grow for it,
    and its settings would be chosen without the results of the running ones.

    A trial that waits at a rung has ended for Ray. When the scheduler lets it go on, it does from
    its checkpoint, before a new one begins.

    No setting runs twice with the same seed: where the searcher suggests one that an earlier trial
    has had, in this session or another, the new trial is a replicate with the next seed.

    Args:
        seed: the seed of each setting's first trial.
    """

    def __init__(
        self,
        searcher: Searcher,
        scheduler: SuccessiveHalving,
        recovered: list[RecoveredTrial],
        num_samples: int,
        slots: int,
        problem: Problem,
        seed: int,
    ) -> None:
        self._searcher, self._scheduler = searcher, scheduler
        self._problem, self._seed = problem, seed
        self._seeds: dict[tuple[Value, ...], set[int]] = {}
        """The seeds that each setting has been run with."""
        for trial in recovered:
            self._seeds_of(trial.parameters).add(trial.seed)
        self._paused = {t.trial_id: t for t in recovered if t.status == TrialStatus.PAUSED}
        """The trials that wait at a rung, by id."""
        others = [trial for trial in recovered if trial.trial_id not in self._paused]
        self._recovered = deque(sorted(others, key=lambda trial: not trial.status.has_ended))
        self._num_samples, self._slots = num_samples, slots
        self._begun = {trial.trial_id for trial in recovered}
        self._is_exhausted = False
        """Whether the searcher has nothing left to suggest."""
        self._live: dict[str, QueuedTrial] = {}
        self._failures: dict[str, int] = {}
        """How often a trial has failed that may go on, by id."""
        self._spec: dict[str, Any] = {}

    @property
    def total_samples(self) -> int:
        return self._num_samples

    def set_search_properties(
        self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any
    ) -> bool:
        return True

    def add_configurations(
        self, experiments: Experiment | list[Experiment] | dict[str, dict[Any, Any]]
    ) -> None:
        assert isinstance(experiments, list)  # as Tune calls it
        (experiment,) = experiments
        self._spec = experiment.spec

    def is_finished(self) -> bool:
        return self._finished or self.is_through

    @property
    def is_through(self) -> bool:
        """Whether all trials have ended or wait in vain; a search that Ray has ended may not be."""
        return not (self._has_room or self._recovered or self._live or self._due())

    @property
    def _has_room(self) -> bool:
        """Whether trials are left to begin."""
        return not self._is_exhausted and len(self._begun) < self._num_samples

    def _due(self) -> list[str]:
        """Return the trials that wait and may go on."""
        if not (self._has_room or self._recovered or self._live):
            self._scheduler.finish()
        return [trial_id for trial_id in self._scheduler.due() if trial_id in self._paused]

    def next_trial(self) -> QueuedTrial | None:
        if self._recovered and self._recovered[0].status.has_ended:
            return self._ended(self._recovered.popleft())
        if self._finished or len(self._live) >= self._slots:
            return None
        if self._recovered:
            trial = self._continued(self._recovered.popleft())
        elif due := self._due():
            self._scheduler.go_on(due[0])
            trial = self._continued(self._paused.pop(due[0]))
        elif not self._has_room:
            return None
        else:
            trial_id = new_trial_id()
            parameters: Any = self._searcher.suggest(trial_id)
            if parameters == Searcher.FINISHED:
                self._is_exhausted = True
                return None
            trial = self._make(trial_id, parameters, self._next_seed(parameters))
        self._live[trial.trial_id] = trial
        return trial

    def _seeds_of(self, parameters: Mapping[str, Value]) -> set[int]:
        return self._seeds.setdefault(self._problem.setting(parameters), set())

    def _next_seed(self, parameters: Mapping[str, Value]) -> int:
        """Return the first seed that the setting has not been run with; note that it now is."""
        if self._problem.seed in parameters:
            return int(parameters[self._problem.seed])
        had = self._seeds_of(parameters)
        seed = next(seed for seed in search_seeds(self._seed) if seed not in had)
        had.add(seed)
        return seed

    def _make(self, trial_id: str, parameters: Mapping[str, Value], seed: int) -> QueuedTrial:
        self._begun.add(trial_id)
        spec = self._spec
        trial = QueuedTrial(
            spec["run"],
            config={**spec["config"], **parameters, self._problem.seed: seed},
            evaluated_params=dict(parameters),
            trial_id=trial_id,
            storage=spec["storage"],
            placement_group_factory=spec.get("resources_per_trial"),
            max_failures=spec["max_failures"],
        )
        # without this Ray names the folder itself, and renames one that it finds there
        storage: Any = trial.storage
        trial.relative_logdir = storage.trial_dir_name = trial_id  # type: ignore[assignment]
        return trial

    def _ended(self, recovered: RecoveredTrial) -> QueuedTrial:
        trial = self._make(recovered.trial_id, recovered.parameters, recovered.seed)
        trial.run_metadata.last_result = {**self._result(recovered), "done": True}
        trial.set_status(
            Trial.ERROR if recovered.status == TrialStatus.FAILED else Trial.TERMINATED
        )
        return trial

    def _continued(self, recovered: RecoveredTrial) -> QueuedTrial:
        trial = self._make(recovered.trial_id, recovered.parameters, recovered.seed)
        trial.run_metadata.num_failures = self._failures.get(trial.trial_id, 0)
        if recovered.checkpoint is not None:
            storage: Any = trial.storage
            folder = PurePosixPath(storage.trial_fs_path, recovered.checkpoint)
            checkpoint = Checkpoint(str(folder), storage.storage_filesystem)
            trial.on_checkpoint(_TrainingResult(checkpoint, self._result(recovered)))
            storage.current_checkpoint_index = int(recovered.checkpoint.rpartition("_")[2])
        return trial

    def _result(self, recovered: RecoveredTrial) -> dict[str, Any]:
        """Return the last evaluation, as Ray keeps it."""
        return {
            "trial_id": recovered.trial_id,
            "training_iteration": recovered.evaluations,
            self._problem.resource: recovered.resource,
            METRICS: dict(recovered.metrics),
            "config": dict(recovered.parameters),
        }

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        self._searcher.on_trial_result(trial_id, result)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        trial = self._live.pop(trial_id, None)
        if trial:
            self._failures[trial_id] = trial.run_metadata.num_failures
        if error and trial and trial.has_tries_left:
            self._recovered.append(self._again(trial, TrialStatus.INTERRUPTED))
            return
        if error:
            self._scheduler.forget(trial_id)
        elif trial and self._scheduler.waits(trial_id):
            self._paused[trial_id] = self._again(trial, TrialStatus.PAUSED)
        else:
            self._scheduler.end(trial_id)
        self._searcher.on_trial_complete(trial_id, result, error)

    def _again(self, trial: QueuedTrial, status: TrialStatus) -> RecoveredTrial:
        """Return a trial that goes on from its last checkpoint, if it has one."""
        checkpoint, last = trial.checkpoint, trial.last_result or {}
        return RecoveredTrial(
            trial_id=trial.trial_id,
            parameters=trial.evaluated_params,
            seed=trial.config[self._problem.seed],
            status=status,
            resource=last.get(self._problem.resource, 0),
            evaluations=last.get("training_iteration", 0),
            metrics=last.get(METRICS, {}),
            checkpoint=PurePosixPath(checkpoint.path).name if checkpoint else None,
        )

    def save_to_dir(self, dirpath: str, **kwargs: Any) -> None:
        """Save nothing: the results folder has everything."""
