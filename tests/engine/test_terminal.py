import io

from rich.console import Console
from support.toy_problem import TOY

from study.engine.terminal import Display
from study.page.text import clock


def display(expected_s=(10.0,) * 10, searched=True, **settings):
    console = Console(file=io.StringIO(), width=200, **settings)
    return Display(TOY, 10, 2, expected_s, console, searched)


def row(status, **values):
    base = {"trial_id": "a", "status": status, "round": 4, "started_s": 0.0, "x": 1.0, "y": 0.5}
    return base | {"seed": 1} | values


def test_before_anything_has_ended_the_estimate_counts():
    shown = display()
    shown.update([row("running"), row("running")])
    # 10 trials of 10 s, two of them half done, two at a time
    assert shown.summary() == "0/10 ended, about 0:45 left; 2 running"
    unknown = display(expected_s=())
    assert "left" not in unknown.summary()


def test_counts_best_and_time_left():
    shown = display()
    shown.update(
        [
            row("completed", error=0.5, ended_s=20.0),
            row("completed", error=0.25, ended_s=20.0),
            row("stopped", error=0.01, ended_s=5.0),
            row("failed", ended_s=3.0),
            row("running"),
        ]
    )
    # 12 s a trial so far; 5.5 trials' work left, two at a time
    assert shown.summary() == (
        "4/10 ended, about 0:33 left; best error 0.25; 1 failed; 1 running; 2 completed; 1 stopped"
    )


def test_trials_of_unequal_length_are_weighed():
    shown = display([100.0] * 4 + [10.0] * 6)
    shown.update([row("completed", error=0.5, ended_s=120.0), row("running")])
    # of 460 s 100 have ended and 50 are done, at 1.2 times the expected pace, two trials at a time
    assert "about 3:06 left" in shown.summary()
    unknown = display(expected_s=())
    unknown.update([row("completed", error=0.5, ended_s=120.0), row("running")])
    assert "about 8:30 left" in unknown.summary()  # 8.5 trials of 120 s


def test_of_a_fixed_design_none_is_the_best():
    shown = display(searched=False)
    shown.update([row("completed", error=0.5, ended_s=20.0)])
    assert "1/10 ended" in shown.summary()
    assert "best" not in shown.summary()


def test_plain_lines_where_there_is_no_terminal():
    shown = display()
    with shown:
        shown.update([row("failed", ended_s=1.0, stop_reason="ValueError: no")])
        shown.trial_ended(row("failed", ended_s=1.0, stop_reason="ValueError: no"))
    lines = shown.console.file.getvalue().splitlines()
    assert lines[0].startswith("1/10 ended, about 0:04 left; 1 failed | trial a")
    assert lines[0].endswith("trial a failed at round 4, ValueError: no")


def test_a_replicate_is_told_with_its_seed_and_the_trial_that_it_repeats():
    shown = display()
    first, again = (
        row("completed", error=0.5),
        row("completed", error=0.75, trial_id="b", seed=1001),
    )
    other = row("completed", error=1.0, trial_id="c", y=0.25)
    with shown:
        shown.update([first | {"ended_s": 1.0}, again | {"ended_s": 1.0}, other | {"ended_s": 1.0}])
        for each in (first, again, other):
            shown.trial_ended(each)
    ends = [line.rpartition("| ")[2] for line in shown.console.file.getvalue().splitlines()]
    assert ends == [
        "trial a completed at round 4, error 0.50",
        "trial b completed at round 4, error 0.75, a replicate of a with seed 1001",
        "trial c completed at round 4, error 1.00",
    ]


def test_a_live_line_in_a_terminal():
    shown = display(force_terminal=True)
    with shown:
        shown.update([row("running")])
    assert "0/10 ended" in shown.console.file.getvalue()


def test_at_80_columns_nothing_that_matters_is_cut():
    """A long study with a long name of its score, some hours before its end."""
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    shown = Display(TOY, 1000, 2, [3600.0] * 1000, console)
    ended = {"ended_s": 36.0, "error": 123456.78}
    rows = [row(status, **ended) for status in ("completed", "stopped", "failed") for _ in "12345"]
    with shown:
        shown.update([*rows, row("running"), row("running")])
    last = console.file.getvalue().rpartition("━")[2]
    for told in ("15/1000 ended", "left", "best error 123456.78", "5 failed", "2 running"):
        assert told in last


def test_before_the_first_trial_it_says_what_is_waited_for():
    shown = display(expected_s=())
    assert shown.summary() == "0/10 ended; waiting for the first trial to start"


def test_clock():
    assert [clock(s) for s in (0, 59.6, 245, 3723)] == ["0:00", "1:00", "4:05", "1:02:03"]


def test_the_live_line_says_what_running_trials_are_at():
    """A first trial can be minutes away from its end, and from its first evaluation."""
    shown = display()
    rows = [row("running"), row("running", trial_id="b"), row("completed", error=1.0, ended_s=1.0)]
    shown.update(rows, {"a": "dip 40/100"})
    assert shown.live_line() == f"{shown.summary()} (dip 40/100, starting)"
    shown.update(rows[2:])
    assert shown.live_line() == shown.summary()
