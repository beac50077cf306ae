"""The tables of what was found, from ``results/reference``."""

import math
import statistics
from collections.abc import Callable

from table_text import (
    DATA,
    ROOT,
    Row,
    markdown,
    mean_interval,
    number,
    percent,
    ratio,
    read_csv,
    read_json,
)

from dipddpm.config import preset
from study.problem.published import (
    ORIGINAL_DIP_CELL_S,
    ORIGINAL_DIP_LOSS,
    PUBLISHED_ALONE,
    PUBLISHED_COMBINED,
)
from study.problem.search_space import NOISY_STD
from study.replication.claims import CLAIMS
from study.replication.condition_names import (
    AS_REPORTED,
    DIP_ALONE,
    DIP_FITTED,
    DIP_HELD_OUT,
    IN_MEMORY,
    PER_IMAGE,
    as_reported_name,
)
from study.replication.condition_plans import plans_of
from study.spec.pareto import noise_floor

REFERENCE = ROOT / "results" / "reference"
MNIST, DIGITS, QUICK = "mnist-tenth", "original-quick", "quick"
VARIANTS = REFERENCE / "mnist-variants" / "variants.csv"
CONDITIONS, EXTRA_SCORES = "conditions.csv", "extra_scores.csv"

NOT_YET = "not yet run"
"""What stands in the line of a condition or a claim that the committed results do not have."""

ANSWERS = {"holds": "yes", "does not hold": "no", "cannot tell at this scale": "unclear"}


def effects(folder: str, claim: str) -> list[Row]:
    """Return the figures of a claim, in their order."""
    rows = read_csv(REFERENCE / folder / "claims.csv")
    return [row for row in rows if row["claim"] == claim]


def answer() -> str:
    """The README's table: what holds of the idea, at both scales."""
    questions = (
        ("Is a training step faster?", "seconds per step", "a", 0),
        ("Is the whole run faster, the prior's own time counted?", "seconds", "b", 0),
        ("Are the digits better, learned from clean images?", "FID", "c", 0),
        ("Are they better where only noisy images exist?", "FID", "i", 0),
        ("Do 10 steps from a noised prior image match 50 from noise?", "FID", "g, steps", 1),
    )
    rows = [
        [question, measure, *(_answer(effects(folder, claim)[i]) for folder in (MNIST, DIGITS))]
        for question, measure, claim, i in questions
    ]
    rivals = "There, are DIP's images better than those of a classical denoiser?"
    rows.insert(4, [rivals, "FID of the images", *map(_against_classical, ("mnist", "digits"))])
    sooner = "And in less time, DIP's counted?"
    rows.append([sooner, "seconds", *map(_seconds_to_draw, (MNIST, DIGITS))])
    return markdown(("with the prior …", "compared", "MNIST, 28×28", "digits, 8×8"), rows)


def _against_classical(dataset: str) -> str:
    """Return how the best DIP's images compare with the best classical denoiser's, noisy regime."""
    of_set = {
        row["prior"]: row["fid"]
        for row in read_json(DATA / "denoisers.json")["rows"]
        if (row["dataset"], row["std"]) == (dataset, NOISY_STD)
    }
    classical = min(("gaussian", "tv", "pca"), key=lambda prior: of_set[prior])
    rival = of_set.pop(classical)
    dip = min(
        fid for prior, fid in of_set.items() if prior not in ("none", "gaussian", "tv", "pca")
    )
    answer = "yes" if dip < rival else "no"
    return (
        f"**{answer}**: {number(dip / rival)} ({number(dip)}, `{classical}` {number(rival)}), n = 1"
    )


def _seconds_to_draw(folder: str) -> str:
    """Return how the seconds of DIP and 10 steps compare with those of 50 steps from noise."""
    (combined,) = (r for r in conditions(folder, "controlled") if r["condition"] == "DIP→DDPM")
    prior, noise = (
        [float(row["seconds"]) for row in extra(folder, "DIP→DDPM", f"from {start}", steps)]
        for start, steps in (("prior", "10.0"), ("noise", "50.0"))
    )
    dip_s = float(combined["dip_time_s"])
    logs = [math.log((dip_s + a) / b) for a, b in zip(prior, noise, strict=True)]
    middle, low, high = (math.exp(value) for value in mean_interval(logs))
    answer = "unclear" if low <= 1 <= high else "yes" if middle < 1 else "no"
    return f"**{answer}**: {ratio(middle, low, high)}, n = {len(logs)}"


def _answer(effect: Row) -> str:
    """Return a verdict with its figure, and with what voids it if the figure does not decide."""
    figure = ratio(effect["ratio"], effect["low"], effect["high"])
    void = f" ({effect['note'].partition(',')[0]})" if effect["note"] else ""
    return f"**{ANSWERS[effect['verdict']]}**{void}: {figure}, n = {effect['n']}"


def confirmed() -> list[Row]:
    """Return the comparisons of the reference search's confirmation."""
    return read_csv(REFERENCE / QUICK / "confirm.csv")


def claims(folder: str) -> Callable[[], str]:
    def table() -> str:
        rows = []
        for letter in dict.fromkeys(row["claim"] for row in _claims(folder)):
            found = effects(folder, letter)
            if len(found) > 2:  # many settings: the one that speaks least for the claim
                found = [max(found, key=lambda row: float(row["p_for"]))]
            for i, row in enumerate(found):
                verdict = row["verdict"] + (f" ({row['note']})" if row["note"] else "")
                rows.append(
                    [
                        *((letter, row["text"], verdict) if i == 0 else ("", "", "")),
                        _compared(row),
                        ratio(row["ratio"], row["low"], row["high"]),
                        row["n"],
                        percent(row["detectable"]),
                    ]
                )
        judged = {row["claim"] for row in _claims(folder)}
        rows += [
            [claim.letter, claim.text, NOT_YET, "", "", "", ""]
            for claim in CLAIMS
            if claim.letter not in judged
        ]
        header = ("", "claim", "verdict", "compared", "ratio [95 % interval]", "n", "detectable")
        return markdown(header, rows)

    return table


def _claims(folder: str) -> list[Row]:
    return read_csv(REFERENCE / folder / "claims.csv")


def _compared(row: Row) -> str:
    if not row["mean"]:
        return row["what"]
    return f"{row['what']}: {number(row['mean'])} and {number(row['baseline_mean'])}"


def conditions(folder: str, kind: str) -> list[Row]:
    """Return the conditions of a replication, ``as reported`` or ``controlled``."""
    rows = read_csv(REFERENCE / folder / CONDITIONS)
    return [row for row in rows if row["kind"] == kind]


def not_yet_run(folder: str, kind: str, columns: int) -> list[list[str]]:
    """Return a line for each condition of the design that the committed results lack."""
    plans = plans_of(preset("original")).values()
    names = [plan.name for plan in plans if plan.kind == kind]
    if kind == AS_REPORTED:
        dip = [as_reported_name(name) for name in (DIP_FITTED, DIP_HELD_OUT)]
        names = [*dip, *(name for name in names if name != as_reported_name(DIP_ALONE))]
    found = {row["condition"] for row in conditions(folder, kind)}
    return [
        [name.removeprefix(as_reported_name("")), NOT_YET, *[""] * (columns - 2)]
        for name in names
        if name not in found
    ]


def as_reported() -> str:
    header = (
        *("run", "original: s per epoch", "here: s per epoch", "original: total, s"),
        *("here: DDPM, s", "here: DIP, s", "PSNR after DIP, dB", "FID", "contrast", "original saw"),
    )
    rows = [
        [
            row["condition"].removeprefix("as reported: "),
            number(row["published_per_iteration_s"]),
            number(row["time_per_iteration_s"]),
            number(row["published_total_s"]),
            number(row["train_time_s"]),
            number(row["dip_time_s"]),
            number(row["dip_psnr"]),
            number(row["fid"]),
            number(row["contrast"]),
            row["published_says"],
        ]
        for row in conditions(MNIST, "as reported")
    ]
    return markdown(header, rows + not_yet_run(MNIST, AS_REPORTED, len(header)))


def controlled(folder: str) -> Callable[[], str]:
    columns = {
        "FID": "fid",
        "precision": "precision",
        "contrast": "contrast",
        "nearest_train": "nearest_train",
        "PSNR after DIP, dB": "dip_psnr",
        "DIP, s": "dip_time_s",
        "DDPM, s": "train_time_s",
        "total, s": "time_total_s",
    }

    def table() -> str:
        rows = [
            [row["condition"], row["n"], *(number(row[name]) for name in columns.values())]
            for row in conditions(folder, "controlled")
        ]
        rows += not_yet_run(folder, "controlled", 2 + len(columns))
        return markdown(("condition", "seeds", *columns), rows)

    return table


def scale() -> str:
    rows = []
    for folder, name in ((MNIST, "MNIST"), (DIGITS, "digits")):
        for kind in ("as reported", "controlled"):
            row = conditions(folder, kind)[1]
            rows.append(
                [
                    name,
                    kind,
                    number(row["fid_floor"]),
                    number(row["fid_noise"]),
                    f"{float(row['scored_images']):,.0f}",
                ]
            )
    header = ("data", "conditions", "FID of real images (floor)", "FID of noise", "images scored")
    return markdown(header, rows)


def loader(folder: str) -> Callable[[], str]:
    def table() -> str:
        seconds: dict[str, list[float]] = {}
        for row in read_csv(REFERENCE / folder / "timing.csv"):
            if row["group"] == "loaders":
                seconds.setdefault(row["item"], []).append(float(row["seconds"]))
        rows = [
            [name, number(1000 * statistics.median(values)), "", str(len(values))]
            for name, values in seconds.items()
        ]
        middle = {name: statistics.median(values) for name, values in seconds.items()}
        n = rows[0][-1]
        pair = (PER_IMAGE, IN_MEMORY)
        for kind in pair:
            both = [middle.get("network"), middle.get(f"{kind} loader")]
            total = NOT_YET if None in both else f"{469 * sum(both):.2f}"
            rows.append([f"sum of network and {kind} loader", "", total, ""])
        wholes = [seconds.get(f"network and {kind} loader", []) for kind in pair]
        gap = NOT_YET
        if all(wholes):
            gap = ratio(*mean_interval([469 * (a - b) for a, b in zip(*wholes, strict=True)]))
        rows.append(["difference of the two whole loops", "", gap, n if all(wholes) else ""])
        published = PUBLISHED_ALONE.per_iteration_s - PUBLISHED_COMBINED[0][1].per_iteration_s
        rows.append(["the same difference, original report", "", f"{published:.2f}", "1"])
        header = ("", "ms per batch, median", "s per epoch of 469 batches [95 % interval]", "n")
        return markdown(header, rows)

    return table


def suspects() -> str:
    """Each suspect of grey digits and their interactions, from the crossed conditions."""
    header = (
        *("crossed", "suspects", "metric", "ratio [95 % interval]", "seeds"),
        "least precision of the crossed",
    )
    file = REFERENCE / MNIST / "suspects.csv"
    rows = [
        [
            *(row["crossing"], row["factors"], row["metric"]),
            ratio(row["ratio"], row["low"], row["high"]) if int(row["n"]) > 1 else NOT_YET,
            *(row["n"], percent(row["least_precision"])),
        ]
        for row in (read_csv(file) if file.exists() else [])
    ]
    return markdown(header, rows or [[NOT_YET, "", "", "", "", ""]])


def dip_share() -> str:
    """Beside claim b: what DIP costs of a combined run, in the original report and here."""
    runs = {row["condition"]: row for row in conditions(MNIST, AS_REPORTED)}
    alone = runs[as_reported_name("DDPM alone")]
    both = runs[as_reported_name("dip_lr 0.001, ddpm_lr 0.0005, std 1")]
    ddpm, dip = float(both["train_time_s"]), float(both["dip_time_s"])
    theirs = float(PUBLISHED_COMBINED[0][1].total_s)
    rows = [
        [
            "original report, its GPUs",
            *(number(PUBLISHED_ALONE.total_s), number(theirs)),
            f"at most {ORIGINAL_DIP_CELL_S:.0f}",
            f"at most {theirs + ORIGINAL_DIP_CELL_S:.0f}",
            f"at most {ORIGINAL_DIP_CELL_S / theirs:.2f}",
        ],
        [
            "here, as reported at a tenth of its steps, two cores",
            *(number(alone["train_time_s"]), number(ddpm), number(dip), number(ddpm + dip)),
            f"{dip / ddpm:.2f}",
        ],
    ]
    header = (
        *("machine", "DDPM alone, s", "DIP→DDPM: its DDPM, s", "its DIP, s", "in all, s"),
        "DIP as a share of its DDPM",
    )
    return markdown(header, rows)


def dip_alone() -> str:
    """What DIP restores in-sample and of held-out images, and how the latter falls as it fits."""
    rows = [
        [
            "original report, the fitted batch",
            *("2", "3,500", f"{-10 * math.log10(ORIGINAL_DIP_LOSS):.1f}"),
        ]
    ]
    reported = {row["condition"]: row for row in conditions(MNIST, AS_REPORTED)}
    for label, name in (("the fitted batch", DIP_FITTED), ("held-out images", DIP_HELD_OUT)):
        row = reported.get(as_reported_name(name))
        psnr = number(row["dip_psnr"]) if row else NOT_YET
        rows.append([f"here, {label}", "2", number(row["dip_steps"]) if row else "", psnr])
    curve = read_csv(ROOT / "benchmarks" / "data" / "dip-original.csv")
    best = max(curve, key=lambda row: float(row["psnr"]))
    for label, row in (("at its best", best), ("at the end", curve[-1])):
        fitted = -10 * math.log10(float(row["loss"]))
        for images, psnr in (("the fitted batch", fitted), ("held-out images", row["psnr"])):
            rows.append([f"one fit, {label}: {images}", "1", row["step"], f"{float(psnr):.2f}"])
    return markdown(("restored", "std", "DIP steps", "PSNR, dB"), rows)


def extra(folder: str, row: str, images: str, steps: str = "") -> list[Row]:
    """Return what was scored once at the end of a run, a line per seed."""
    found = read_csv(REFERENCE / folder / EXTRA_SCORES)
    return [r for r in found if (r["condition"], r["images"], r["steps"]) == (row, images, steps)]


def _mean(rows: list[Row], column: str) -> str:
    values = [float(row[column]) for row in rows if row[column]]
    return number(statistics.fmean(values)) if values else ""


def reverse_steps() -> str:
    header = (
        *("start", "denoising steps", "seconds, DIP's counted", "FID"),
        *("distance to its start image", "distance to nearest training image", "seeds"),
    )
    rows = []
    (combined,) = (r for r in conditions(MNIST, "controlled") if r["condition"] == "DIP→DDPM")
    for images in ("from noise", "from prior", "from real images"):
        for steps in ("0.0", "2.0", "5.0", "10.0", "25.0", "50.0"):
            if found := extra(MNIST, "DIP→DDPM", images, steps):
                seconds = statistics.fmean(float(row["seconds"] or 0) for row in found)
                seconds += float(combined["dip_time_s"]) if images == "from prior" else 0.0
                columns = ("fid", "nearest_source", "nearest_train")
                values = (number(seconds), *(_mean(found, column) for column in columns))
                rows.append([images, f"{float(steps):.0f}", *values, str(len(found))])
    return markdown(header, rows)


def refined() -> str:
    runs = {
        "controlled, clean images": "DIP→DDPM",
        "controlled, only noisy images": "noisy images: DIP→DDPM",
        "as reported": "as reported: dip_lr 0.001, ddpm_lr 0.0005, std 1",
    }
    rows = []
    for label, run in runs.items():
        both = [extra(MNIST, run, images) for images in ("restored", "refined")]
        columns = ("fid", "psnr", "ssim")
        figures = [_mean(found, column) for column in columns for found in both]
        rows.append([label, *figures, str(len(both[0]))])
    header = (
        *("run", "FID of DIP's output", "refined", "PSNR of DIP's output, dB", "refined"),
        *("SSIM of DIP's output", "refined", "seeds"),
    )
    return markdown(header, rows)


def grey() -> str:
    alone, both = "DDPM alone", "dip_lr 0.001, ddpm_lr 0.0005, std 1"
    rows = []
    for run in (alone, both):
        rescaled = next(
            r for r in conditions(MNIST, "as reported") if r["condition"] == f"as reported: {run}"
        )
        (clipped,) = extra(MNIST, f"as reported: {run}", "as they are")
        for label, row in (
            ("each brought to its own range", rescaled),
            ("clipped at each step, left as they are", clipped),
        ):
            rows.append([run, label, number(row["fid"]), number(row["contrast"])])
    for row in conditions(MNIST, "controlled"):
        if row["condition"] in (alone, f"{alone}, input normalised"):
            label = "controlled: clipped at each step"
            rows.append([row["condition"], label, number(row["fid"]), number(row["contrast"])])
    return markdown(("run", "how images are shown", "FID", "contrast (real = 1)"), rows)


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
    "findings/answer": answer,
    "findings/scale": scale,
    "findings/claims-mnist": claims(MNIST),
    "findings/claims-digits": claims(DIGITS),
    "findings/as-reported": as_reported,
    "findings/controlled-mnist": controlled(MNIST),
    "findings/controlled-digits": controlled(DIGITS),
    "findings/loader-mnist": loader(MNIST),
    "findings/loader-digits": loader(DIGITS),
    "findings/suspects-mnist": suspects,
    "findings/dip-share": dip_share,
    "findings/dip-alone": dip_alone,
    "findings/reverse-steps": reverse_steps,
    "findings/refined": refined,
    "findings/grey": grey,
    "findings/confirmation": confirmation,
    "findings/best-trial": best_trial,
    "findings/variants": variants,
}
