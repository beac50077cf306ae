"""The tables of how well priors restore noisy images, from ``benchmarks/data``."""

import statistics
from collections.abc import Callable

from performance_tables import load
from table_text import markdown, mean_interval, number


def denoisers() -> str:
    rows = [
        [
            row["dataset"],
            f"{row['std']:g}",
            f"`{row['prior']}`",
            f"{row['psnr']:.1f}",
            number(row["fid"]),
            number(row["fid_corrupted"]),
            "" if row["prior"] == "none" else number(row["process_s"]),
        ]
        for row in load("denoisers")["rows"]
    ]
    header = ("images", "std", "prior", "PSNR, dB", "FID", "FID with noise", "s")
    return markdown(header, rows)


def stopping() -> str:
    rows = []
    for row in load("stopping")["rows"]:
        today = baseline(row["std"])
        below = (
            [a - b for a, b in zip(row["psnr"], row["best"], strict=True)] if "best" in row else []
        )
        gained = [a - b for a, b in zip(row["psnr"], today, strict=True)]
        rows.append(
            [
                f"{row['std']:g}",
                f"`{row['prior']}`",
                row["rule"],
                f"{statistics.fmean(row['psnr']):.1f}",
                decibels(below),
                decibels(gained),
                f"{statistics.median(row['stop']):.0f}" if "stop" in row else "",
                f"{row['steps']:.0f}" if "steps" in row else "",
                number(row["process_s"] * 1000),
            ]
        )
    header = (
        *("std", "`--dip-input`, or prior", "rule", "PSNR, dB", "against each image's best"),
        *("against moving variance", "median stop", "steps per image", "ms per image"),
    )
    return markdown(header, rows)


def baseline(std: float) -> list[float]:
    """Return each image's PSNR under Ulyanov et al.'s DIP, stopped by moving variance."""
    (found,) = (
        row["psnr"]
        for row in load("stopping")["rows"]
        if (row["std"], row["prior"], row["rule"]) == (std, "code", "moving variance")
    )
    return found


def decibels(differences: list[float]) -> str:
    """Return the mean and its 95 % t-interval, or nothing where all is equal or missing."""
    if not any(differences):
        return ""
    return "{:+.2f} [{:+.2f}, {:+.2f}]".format(*mean_interval(differences))


TABLES: dict[str, Callable[[], str]] = {
    "performance/denoisers": denoisers,
    "performance/stopping": stopping,
}
