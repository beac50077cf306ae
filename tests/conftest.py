import shutil
from pathlib import Path

import pytest
import torch
from support import PYTHONPATH
from support.waiting import HANG_S

from dipddpm.config import RunConfig

SHARED_MNIST = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(autouse=True, scope="session")
def environment():
    """What the processes that tests start inherit, those of a Ray that outlives its test included.

    Two at a time, they would wait for each other's threads; and workers find the tests' problems.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("PYTHONPATH", PYTHONPATH)
        yield


@pytest.fixture(autouse=True)
def one_thread():
    """Two cores gain nothing from threads at these sizes, and sums keep one order."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny() -> RunConfig:
    """A run of a second that goes through every stage."""
    return RunConfig(
        dataset="digits",
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


@pytest.fixture(scope="module")
def ray_local():
    """A private Ray for the tests that use the engine in this process, started once if it can."""
    from study.engine.runner import start_ray

    start_ray(cpus=2, gpus=0)


@pytest.fixture(scope="module")
def s3():
    """An endpoint with a bucket, and the environment that leads there."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        boto3.client("s3").create_bucket(Bucket="studies")
        yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def chromium():
    binary, driver_binary = shutil.which("chromium"), shutil.which("chromedriver")
    if not binary or not driver_binary:
        pytest.skip("chromium and chromedriver are not installed")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in (
        *("headless", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"),
        *("window-size=1440,900", "host-resolver-rules=MAP * ~NOTFOUND"),
    ):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(driver_binary))
    driver.set_script_timeout(HANG_S)
    driver.set_page_load_timeout(HANG_S)
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium):
    """The one browser, as if it were new: no logs, no emulated screen."""
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    chromium.get("about:blank")
    for kind in ("browser", "performance"):
        chromium.get_log(kind)
    return chromium
