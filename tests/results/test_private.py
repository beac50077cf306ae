"""What messages and results show of URLs, errors and records."""

import pytest

from study.results.private import (
    redacted,
    scrubbed,
    shareable,
    without_folders,
    without_machine,
)


@pytest.mark.parametrize(
    ("url", "message", "result"),
    [
        ("postgresql://me:pass@db:5/x", "postgresql://***@db:5/x", "postgresql://***/x"),
        ("postgresql://me:a/b@c@db/x", "postgresql://***@db/x", "postgresql://***/x"),
        ("postgresql://me:a%40b@db/x", "postgresql://***@db/x", "postgresql://***/x"),
        ("postgresql://db/x?password=b", "postgresql://db/x?***", "postgresql://***/x"),
        ("postgresql://me:a?b@db/x", "postgresql://***", "postgresql://***/"),
        ("postgresql://me:a#b@db/x", "postgresql://***", "postgresql://***/"),
        ("postgresql://db/x?password=a@b", "postgresql://***", "postgresql://***/"),
        ("me:b@db", "***@db", "***/db"),
        ("sqlite:////home/me/my.db", "sqlite:////home/me/my.db", "sqlite://***/my.db"),
        ("sqlite:///my.db", "sqlite:///my.db", "sqlite://***/my.db"),
    ],
)
def test_a_url_in_messages_and_in_results(url, message, result):
    assert redacted(url) == message
    assert shareable(url) == result
    assert shareable(result) == result  # what was shared once can be compared again


def test_an_error_that_quotes_a_url_or_its_parts():
    url = "mysql://me:se%40cret@db/x?ssl_key=other"
    text = f"login of me with se@cret (or se%40cret, other) to {url} failed: some message"
    assert scrubbed(text, url) == (
        "login of *** with *** (or ***, ***) to mysql://***@db/x?*** failed: some message"
    )


def test_an_error_that_names_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "/home/some one")
    for text, shown in (
        ("see [/home/someone/y.txt]", "see […/y.txt]"),
        ("No such file: '/data/Jane Doe/my images/a b.png'", "No such file: '…/a b.png'"),
        ("/home/some one/a/b.png is no image", "…/b.png is no image"),
        (f"{tmp_path}/x/y.png", "…/y.png"),
        ("3/4 of a/b, and 1 / 2", "3/4 of a/b, and 1 / 2"),
    ):
        assert without_folders(text) == shown


def test_a_record_does_not_say_where_it_was_made():
    record = {"pid": 1, "hostname": "h", "node_ip": "10.0.0.1", "metrics": {"fid": 1.0}}
    assert without_machine(record) == {"metrics": {"fid": 1.0}}
