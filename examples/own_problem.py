"""The engine with a problem of one's own: how large must a classifier of digits be, and how fast?

python examples/own_problem.py        # a minute on two cores; then open results/classifier
"""

import pickle
import tempfile
import time
from pathlib import Path

from ray import tune
from rich.console import Console
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from study.engine.plan import Plan
from study.engine.reporting import report
from study.engine.runner import run_study
from study.page.summary import write_summary
from study.results.folder import ResultsFolder
from study.results.records import load_study
from study.spec.problem import Metric, Parameter, Problem

PROBLEM = Problem(
    title="A classifier of handwritten digits",
    parameters=(
        Parameter("learning_rate", "learning rate", 1e-4, 1e-1, log=True),
        Parameter("hidden", "hidden units", 8, 128, log=True, step=1),
    ),
    metrics=(
        Metric("accuracy", "accuracy on held-out digits", goal="max"),
        Metric("seconds", "training time", "s", goal="min", cost="so far"),
    ),
    objectives=("accuracy", "seconds"),
    resource="epoch",
    max_resource=9,
    stages=(),
    start_points=({"learning_rate": 1e-3, "hidden": 100},),  # scikit-learn's defaults
    rerun="python examples/own_problem.py",
)


def train(parameters: dict) -> None:
    """Train for nine epochs; report and checkpoint each, and go on from where a crash left off."""
    images, labels = load_digits(return_X_y=True)
    net = MLPClassifier(parameters["hidden"], learning_rate_init=parameters["learning_rate"])
    epoch, seconds = 0, 0.0
    if checkpoint := tune.get_checkpoint():
        with checkpoint.as_directory() as folder:
            net, epoch, seconds = pickle.loads((Path(folder) / "state.pkl").read_bytes())
    while epoch < PROBLEM.max_resource:
        start = time.perf_counter()
        net.partial_fit(images[:1200] / 16, labels[:1200], classes=range(10))
        epoch, seconds = epoch + 1, seconds + time.perf_counter() - start
        accuracy = net.score(images[1200:] / 16, labels[1200:])
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "state.pkl").write_bytes(pickle.dumps((net, epoch, seconds)))
            report({"accuracy": accuracy, "seconds": seconds}, {"epoch": epoch}, Path(folder))


def main() -> None:
    plan = Plan("classifier", 12, "gp", "asha", 1, 3.0, 1, 0, slots=2, seed=0)
    folder = ResultsFolder.create(Path("results"), plan.name, PROBLEM, {})
    run_study(PROBLEM, train, plan, folder, expected_s=(), console=Console())
    folder.close()
    study = load_study(folder.path)
    write_summary(study)
    print(f"best: {study.best.parameters}, accuracy {study.best.metrics['accuracy']:.3f}")


if __name__ == "__main__":
    main()
