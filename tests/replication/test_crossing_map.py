"""Where a start pays, from planted rows."""

import csv
import math

from dipddpm import record
from study.replication import crossing_map


def crossing_rows(start, share, seconds, fid, distance):
    return [
        {"seed": seed, "start": start, "t0_share": share, "evaluations": 5.0, "sampler": "DDIM"}
        | {"seconds": seconds, "prior_seconds": 1.0 if start == crossing_map.DIP else 0.0}
        | dict.fromkeys(crossing_map.QUALITIES, fid * (1 + seed / 100))
        | {"to_source": distance, "true_error": distance, "to_train": 1.0}
        for seed in range(5)
    ]


def test_a_dip_start_wins_at_equal_seconds_and_at_a_distance_alone():
    def won(seconds, fid, distance, **how):
        noise = crossing_rows(crossing_map.NOISE, 1.0, 2.0, 5.0, math.nan)
        mine = crossing_rows(crossing_map.DIP, 0.3, seconds, fid, distance)
        return crossing_map.wins(crossing_map.cells(noise + mine), **how)

    assert len(won(2.5, 4.0, 0.95, count_prior=True)) == 1
    assert won(2.5, 4.0, 0.8, count_prior=True) == []
    assert won(2.5, 6.0, 0.95, count_prior=True) == []
    assert won(2.5, 4.0, 0.95, count_prior=False) == []  # noise has no sample in 1.5 s
    assert crossing_map.sentences(
        crossing_rows(crossing_map.NOISE, 1.0, 2.0, 5.0, math.nan)
        + crossing_rows(crossing_map.DIP, 0.3, 2.5, 4.0, 0.95)
    )[0].startswith("DIP image, its seconds counted (1.0 s), by FID: it beats noise")


def test_where_a_classical_image_is_the_better_start_it_is_said():
    """It takes as long, and is novel; where it copies its source it is no rival."""

    def told(distance):
        rows = [
            *crossing_rows(crossing_map.NOISE, 1.0, 2.0, 5.0, math.nan),
            *crossing_rows(crossing_map.DIP, 0.3, 2.5, 4.0, 0.95),
            *crossing_rows(crossing_map.CLASSICAL, 0.3, 2.4, 3.0, distance),
        ]
        return crossing_map.sentences(rows)[0]

    assert told(0.95).endswith(
        "In 1 of them a classical image is a better start within the seconds."
    )
    assert told(0.5).endswith(
        "In 0 of them a classical image is a better start within the seconds."
    )


def test_the_figure_has_a_point_per_cell_hollow_where_it_copies():
    rows = [
        *crossing_rows(crossing_map.NOISE, 1.0, 2.0, 5.0, math.nan),
        *crossing_rows(crossing_map.DIP, 0.3, 2.5, 4.0, 0.95),
        *crossing_rows(crossing_map.DIP, 0.5, 2.5, 4.0, 0.5),
    ]
    drawn = {(t.name, t.meta): t for t in crossing_map.figure(rows).data if len(t.x)}
    assert drawn.keys() == {("noise", 1.0), ("DIP image", 0.3), ("DIP image", 0.5)}
    assert list(drawn["DIP image", 0.3].x) == [2.5]
    symbols = {key: list(trace.marker.symbol) for key, trace in drawn.items()}
    assert symbols["DIP image", 0.3] == symbols["noise", 1.0] == ["circle"]
    assert symbols["DIP image", 0.5] == ["circle-open"]


def test_rows_come_back_as_they_were_written(tmp_path):
    rows = crossing_rows(crossing_map.DIP, 0.3, 2.5, 4.0, 0.95)
    file = tmp_path / "map.csv"
    assert crossing_map.read(file) == []
    with file.open("w", newline="") as lines:
        writer = csv.DictWriter(lines, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    assert crossing_map.read(file) == rows


def test_what_is_new_is_the_same_for_runs_and_for_the_map():
    assert crossing_map.NOVEL == record.NOVEL


def test_a_start_that_draws_nothing_novel_has_no_line():
    rows = [
        *crossing_rows(crossing_map.NOISE, 1.0, 2.0, 5.0, math.nan),
        *crossing_rows(crossing_map.DIP, 0.3, 2.5, 4.0, 0.95),
        *crossing_rows(crossing_map.REAL, 0.3, 2.5, 1.0, 0.5),
    ]
    lines = [line for line in crossing_map.summary(rows)["rows"] if line["quality"] == "FID"]
    assert [(line["start"], line["wins"]) for line in lines] == [("noise", None), ("DIP image", 1)]
