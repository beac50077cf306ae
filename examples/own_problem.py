"""The engine with a problem of one's own: how large must a classifier of digits be, and how fast?

python examples/own_problem.py     # half a minute; then open results/classifier/dashboard.html
"""

import pickle
import tempfile
import time
from pathlib import Path
from typing import Any

from ray import tune
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from study import (
    Metric,
    Parameter,
    Plan,
    Problem,
    ResultsFolder,
    load_study,
    report,
    run_study,
    write_summary,
)

PROBLEM = Problem(
    title="A classifier of handwritten digits",
    parameters=(Parameter("rate", "learning rate", 1e-4, 1e-1, log=True),
                Parameter("hidden", "hidden units", 8, 128, log=True, step=1)),
    metrics=(Metric("accuracy", "accuracy on held-out digits", goal="max"),
             Metric("seconds", "training time", "s", goal="min")),
    objectives=("accuracy", "seconds"), resource="epoch", max_resource=9,
    rerun="python examples/own_problem.py",
)  # fmt: skip


def train(parameters: dict[str, Any]) -> None:
    """Train for nine epochs, report each, and go on from a checkpoint after a crash."""
    images, labels = load_digits(return_X_y=True)
    images /= 16  # levels 0 … 16 to 0 … 1
    rate, seed = parameters["rate"], parameters["seed"]
    net = MLPClassifier(parameters["hidden"], learning_rate_init=rate, random_state=seed)
    epoch, seconds = 0, 0.0
    if checkpoint := tune.get_checkpoint():
        with checkpoint.as_directory() as folder:
            net, epoch, seconds = pickle.loads((Path(folder) / "state.pkl").read_bytes())
    while epoch < PROBLEM.max_resource:
        start = time.perf_counter()
        net.partial_fit(images[:1200], labels[:1200], classes=range(10))
        epoch, seconds = epoch + 1, seconds + time.perf_counter() - start
        accuracy = net.score(images[1200:], labels[1200:])
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "state.pkl").write_bytes(pickle.dumps((net, epoch, seconds)))
            report({"accuracy": accuracy, "seconds": seconds}, {"epoch": epoch}, Path(folder))


if __name__ == "__main__":
    with ResultsFolder.open(Path("results"), "classifier", PROBLEM) as folder:
        run_study(PROBLEM, train, Plan("classifier", num_samples=12, slots=2), folder)
    study = load_study(folder.path)
    write_summary(study)
    if study.best:
        print(f"best: {study.best.parameters}, accuracy {study.best.metrics['accuracy']:.3f}")
