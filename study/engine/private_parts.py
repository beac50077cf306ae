"""The private parts of Ray and Optuna that this project uses, and what for.

A release of either may change them without a word, so ``pyproject.toml`` bounds both versions. To
raise a bound, run the tests of the engine and of the results on the new release first. A test holds
these lists against the code.
"""

RAY = {
    "ray.train._internal.session._TrainingResult": (
        "A checkpoint with its result: how a trial is given the checkpoint it goes on from."
    ),
    "ray._private.worker.print_to_stdstream": (
        "Prints Ray's own troubles in many lines; the engine tells of them in one."
    ),
    "ray._private.state.actors": "The processes that are started for trials and are not ready.",
    "ray._private.worker._global_node": "The processes of a private Ray, to see whether they live.",
    "ray._private.worker.global_worker": "Kills such a process, of which Tune has no handle.",
    "ray.experimental.internal_kv._internal_kv_put": "How a worker gives a sign of life.",
    "ray.experimental.internal_kv._internal_kv_get": "How the driver sees a sign of life.",
    "ray.init(_node_name)": (
        "The name of the private Ray's node: results name it, and Ray's own is an address."
    ),
    "ray.tune.search.SearchAlgorithm._finished": (
        "Ray asks no more trials of a search algorithm that has set it."
    ),
    "ray.air.integrations.mlflow.MLflowLoggerCallback._trial_runs": (
        "The run of each trial: a resumed trial goes on with its own, and images are added to it."
    ),
    "ray.air.integrations.wandb.WandbLoggerCallback._cleanup_logging_actor": (
        "The end of a process that logs, whose errors Ray's callback drops."
    ),
    "ray.air.integrations.wandb.WandbLoggerCallback._trial_logging_futures": (
        "What such a process ends with, its error if it had one."
    ),
    "ray.tune.search.optuna.OptunaSearch._ot_study": "The sampler's own study.",
    "ray.tune.search.optuna.OptunaSearch._ot_trials": "Optuna's trials by Ray's trial ids.",
    "ray.tune.search.optuna.OptunaSearch._completed_trials": (
        "The ids of trials whose end Optuna knows: it must hear of each end once."
    ),
}

OPTUNA = {
    "optuna.Study._storage": "The storage, in which a trial can be made in a state of our choice.",
    "optuna.Study._study_id": "The study's number in its storage.",
    "optuna.trial.FrozenTrial._trial_id": "The trial's number in its storage.",
}
