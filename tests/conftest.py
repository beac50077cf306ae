import os
from pathlib import Path

import pytest
import torch

from dipddpm.config import RunConfig

SHARED_MNIST = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def one_thread():
    """Two cores gain nothing from threads at these sizes, and sums keep one order."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny() -> RunConfig:
    """A run of a second that goes through every stage."""
    return RunConfig(
        train_size=96,
        dip_batch_size=64,
        dip_steps=4,
        dip_width=8,
        width=8,
        epochs=4,
        eval_every=2,
        sampler_steps=3,
        scored_images=100,
    )


@pytest.fixture(scope="session")
def mnist_dir() -> Path:
    """Real MNIST, where a developer or CI has put it; a user need not have it."""
    if not (SHARED_MNIST / "MNIST" / "raw").is_dir():
        pytest.skip(f"no MNIST beside the repository ({SHARED_MNIST})")
    return SHARED_MNIST


@pytest.fixture(scope="session")
def ray_local():
    """One private Ray for all tests that use the engine in this process."""
    import ray

    from study.engine import start_ray

    os.environ["PYTHONPATH"] = str(Path(__file__).parent)  # workers find the tests' subjects
    start_ray(cpus=2, gpus=0)
    yield
    ray.shutdown()
