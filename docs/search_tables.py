"""The tables of a search, of its confirmation, and of trained variants of its runs."""

from collections.abc import Callable

from reference_results import (
    MAIN,
    REFERENCE,
)
from table_text import (
    markdown,
    number,
    percent,
    ratio,
    read_csv,
    read_json,
)

from study.analysis.tuning import tuning_comparison
from study.page.verdict_table import groups_of
from study.results.records import load_study
from study.spec.pareto import noise_floor

SEEDS = [f"seed {name.rpartition('-')[2]}" for name in MAIN]
"""The studies of the main command, which differ in their seed alone."""


def confirmation() -> str:
    studies = []
    for name in MAIN:
        study = load_study(REFERENCE / name)
        assert study.confirmation is not None
        groups = groups_of(study.confirmation)
        studies.append(
            {
                (f"{group.condition} against {group.baseline}", row.what): row
                for group in groups
                for row in group.rows
            }
        )
    rows = []
    for key in dict.fromkeys(key for study in studies for key in study):
        found = [study.get(key) for study in studies]
        cells = [
            f"**{row.decision}**: {ratio(row.ratio, row.low, row.high)}, n = {row.rests_on}"
            if row and None not in (row.ratio, row.low, row.high)
            else ""
            for row in found
        ]
        rows.append([*key, *cells])
    return markdown(("compared", "metric", *SEEDS), rows)


def best_trial() -> str:
    columns = []
    for name in MAIN:
        best = read_json(REFERENCE / name / "best.json")
        metrics, trials = best["metrics"], read_csv(REFERENCE / name / "trials.csv")
        times = [float(t["time_per_iteration_s"]) for t in trials if t["time_per_iteration_s"]]
        psnr = (number(metrics[each]) for each in ("dip_psnr_noisy", "dip_psnr"))
        columns.append(
            {
                **{key: f"{value:.3g}" for key, value in best["parameters"].items()},
                "FID, validation images": number(metrics["fid"]),
                "FID of real images (floor)": number(metrics["fid_floor"]),
                "FID of noise": number(metrics["fid_noise"]),
                "FID (second network), and its floor": " and ".join(
                    number(metrics[each]) for each in ("fid_second", "fid_second_floor")
                ),
                "images scored": str(metrics["scored_images"]),
                "PSNR before and after DIP, dB": " and ".join(psnr),
                f"noise of the time per epoch between {len(times)} trials": percent(
                    noise_floor(times)
                ),
            }
        )
    rows = [[name, *(column[name] for column in columns)] for name in columns[0]]
    return markdown(("best trial of the search", *SEEDS), rows)


def tuning() -> str:
    """How hard the two parts are to tune, from the reference searches and their baselines'."""
    rows = []
    for name, seed in zip(MAIN, SEEDS, strict=True):
        found = tuning_comparison(load_study(REFERENCE / name))
        assert found is not None
        for what, of, compared in (
            ("standard deviation of log FID over trials", "spread", found.spread_ratio),
            ("expected trials to within 10 % of the best", "trials_to_near", found.trials_ratio),
        ):
            values = (number(getattr(each, of)) for each in (found.both, found.one))
            trials = f"{found.both.n} and {found.one.n}"
            rows.append([f"{what}, {seed}, epoch {found.epoch}", *values, ratio(*compared), trials])
    header = (
        *("", "DIP and DDPM", "DDPM alone"),
        *("ratio at equal numbers of trials [95 % interval]", "trials"),
    )
    return markdown(header, rows)


TABLES: dict[str, Callable[[], str]] = {
    "findings/confirmation": confirmation,
    "findings/best-trial": best_trial,
    "findings/tuning": tuning,
}
