"""What answers at ``--ray-address``, found out before Ray waits for minutes."""

import http.server
import socket
import threading

import pytest

from study.cluster import address
from study.cluster.address import check_address
from study.spec.errors import SettingError


@pytest.fixture
def silent():
    """A port at which something takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def web():
    """A port at which a web server answers."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"localhost:{server.server_port}"
        server.shutdown()
        thread.join()


def reason(place):
    with pytest.raises(SettingError) as caught:
        check_address(place)
    assert caught.value.name == "ray_address"
    return caught.value.expected


@pytest.fixture
def nobody():
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def test_nobody_answers(nobody):
    assert reason(nobody).endswith(f"nothing answers at {nobody}: Connection refused")


def test_something_else_answers(web):
    assert reason(web).endswith(f"what answers at {web} is not Ray")


def test_something_answers_with_silence(silent, monkeypatch):
    monkeypatch.setattr(address, "TRY_S", 0.2)
    assert reason(silent).endswith(f"what answers at {silent} is not Ray")


def test_auto_means_the_cluster_that_was_begun_last(nobody, tmp_path, monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    check_address("auto")  # there is none: Ray says so itself
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text(nobody)
    assert nobody in reason("auto")


def test_ray_itself(ray_local):
    import ray

    check_address(ray.get_runtime_context().gcs_address)
