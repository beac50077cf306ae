"""The tables of how far verdicts and searches can be trusted, from ``benchmarks/data``."""

from collections.abc import Callable

from performance_tables import load
from table_text import DATA, markdown, number, percent


def verdicts() -> str:
    rows = []
    for file in sorted(DATA.glob("verdicts-*.json")):
        found = load(file.stem)
        shares = [
            f"{100 * each['share']:.1f} [{100 * each['low']:.1f}, {100 * each['high']:.1f}]"
            for each in (
                found[name]
                for name in (
                    *("false_verdicts", "no_difference", "right_direction", "contradictions"),
                    "failures_named",
                )
            )
        ]
        runs = [
            f"{each['median']:.0f} [{each['low']:.0f}, {each['high']:.0f}]"
            for each in (found["runs_without_effect"], found["runs_with_effect"])
        ]
        rows.append([found["noise"], f"{found['studies']:,}", *shares, *runs])
    header = (
        *("noise", "studies of each kind", "false direction, %", "no difference, %"),
        *("9 %: right direction, %", "9 %: contradictions, %", "failures named, %"),
        *("runs without effect, median [9 in 10]", "with 9 %"),
    )
    return markdown(header, rows)


def search_luck() -> str:
    rows = [
        [
            row["searches"],
            row["rule"],
            number(row["fid"]),
            percent(row["deviation"]),
            percent(row["dies_at_times"]),
            number(row["epochs"]),
        ]
        for row in load("search-luck")["rows"]
    ]
    header = (
        *("searches", "recommended", "its FID, geometric mean", "deviation of log FID"),
        *("dies at times", "epochs"),
    )
    return markdown(header, rows)


def pair_noise() -> str:
    rows = [
        [
            f"{row['condition']}, {row['baseline']}",
            f"{row['ratio_300']:.2f}",
            f"{row['deviation_300']:.3f}",
            f"{row['drawn_300']:.3f}",
            f"{row['deviation_3600']:.3f}",
            f"{row['real']:.3f}",
            f"{row['ratio_other']:.2f}",
        ]
        for row in load("pair-noise")["rows"]
    ]
    header = (
        *("pair", "ratio of FID", "deviation from seed to seed", "of it by which 300 were drawn"),
        *("deviation with 3,600 drawn", "other real images", "ratio by other features"),
    )
    return markdown(header, rows)


def crossing_map() -> str:
    rows = []
    for dataset in ("digits", "mnist-small"):
        for row in load(f"crossing-map-{dataset}")["rows"]:
            wins = row["wins"]
            rows.append(
                [
                    *(dataset, row["quality"], row["start"]),
                    *(f"{row['t0_share']:g}", f"{row['evaluations']}", row["sampler"]),
                    *(number(row[name]) for name in ("fid", "fid_second", "seconds")),
                    "" if wins is None else f"{wins} of {row['cells']}",
                ]
            )
    header = (
        *("data", "best by", "start", "t₀ / T", "evaluations", "sampler"),
        *("FID", "FID (second network)", "seconds for 300", "cells that beat noise in their time"),
    )
    return markdown(header, rows)


TABLES: dict[str, Callable[[], str]] = {
    "performance/verdicts": verdicts,
    "performance/search-luck": search_luck,
    "performance/pair-noise": pair_noise,
    "findings/crossing-map": crossing_map,
}
