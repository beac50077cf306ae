"""The tables of a search, of its confirmation, and of trained variants of its runs."""

from collections.abc import Callable

from reference_results import (
    QUICK,
    REFERENCE,
    VARIANTS,
)
from table_text import (
    Row,
    markdown,
    number,
    percent,
    ratio,
    read_csv,
    read_json,
)

from study.analysis.tuning import tuning_comparison
from study.results.records import load_study
from study.spec.pareto import noise_floor


def confirmed() -> list[Row]:
    """Return the comparisons of the reference search's confirmation."""
    return read_csv(REFERENCE / QUICK / "confirm.csv")


def confirmation() -> str:
    rows = [
        [
            row["condition"],
            row["metric"],
            number(row["mean"]),
            number(row["baseline_mean"]),
            ratio(row["ratio"], row["low"], row["high"]),
            percent(row["detectable"]),
            row["direction"],
            row["size"].replace("open", ""),
            row["n"],
        ]
        for row in confirmed()
        if row["ratio"]
    ]
    header = (
        *("setting", "metric", "with prior", "no prior, tuned", "ratio [interval]"),
        *("detectable", "direction", "margin", "seeds"),
    )
    return markdown(header, rows)


def best_trial() -> str:
    best = read_json(REFERENCE / QUICK / "best.json")
    metrics, trials = best["metrics"], read_csv(REFERENCE / QUICK / "trials.csv")
    times = [float(t["time_per_iteration_s"]) for t in trials if t["time_per_iteration_s"]]
    rows = [
        *([name, f"{value:.3g}"] for name, value in best["parameters"].items()),
        ["FID, validation images", number(metrics["fid"])],
        ["FID of real images (floor)", number(metrics["fid_floor"])],
        ["FID of noise", number(metrics["fid_noise"])],
        ["images scored", str(metrics["scored_images"])],
        ["features", metrics["features"]],
        ["PSNR before and after DIP, dB", " and ".join(
            number(metrics[name]) for name in ("dip_psnr_noisy", "dip_psnr")
        )],
        [f"noise of the time per epoch between {len(times)} trials", percent(noise_floor(times))],
    ]  # fmt: skip
    return markdown(("best trial of the search", ""), rows)


def tuning() -> str:
    """How hard the two parts are to tune, from the reference search and its baseline's."""
    found = tuning_comparison(load_study(REFERENCE / QUICK))
    assert found is not None
    rows = [
        [
            what,
            *(number(getattr(each, of)) for each in (found.both, found.one)),
            ratio(*compared),
            f"{found.both.n} and {found.one.n}",
        ]
        for what, of, compared in (
            ("standard deviation of log FID over trials", "spread", found.spread_ratio),
            ("expected trials to within 10 % of the best", "trials_to_near", found.trials_ratio),
        )
    ]
    header = (
        *(f"at epoch {found.epoch}", "DIP and DDPM", "DDPM alone"),
        *("ratio at equal numbers of trials [95 % interval]", "trials"),
    )
    return markdown(header, rows)


def variants() -> str:
    rows = []
    for row in read_csv(VARIANTS):
        variant, sampling = row["variant"].split("; ")
        if sampling in ("ancestral, 250 steps", "from prior at t₀ = 300, 15 steps"):
            figures = (number(row[name]) for name in ("fid", "precision", "nearest_source"))
            rows.append([variant, sampling, *figures, row["scored_images"]])
    header = (
        *("regime, prior", "sampling", "FID", "precision", "distance to its start image"),
        "images scored",
    )
    return markdown(header, rows)


TABLES: dict[str, Callable[[], str]] = {
    "findings/confirmation": confirmation,
    "findings/best-trial": best_trial,
    "findings/tuning": tuning,
    "findings/variants": variants,
}
