"""The tables of what was found besides the claims, from ``results/reference``."""

import math
import statistics
from collections.abc import Callable

from reference_results import (
    DIGITS,
    MNIST,
    NOT_YET,
    REFERENCE,
    column_mean,
    conditions,
    extra,
)
from table_text import (
    ROOT,
    markdown,
    mean_interval,
    number,
    percent,
    ratio,
    read_csv,
)

from study.problem.published import (
    ORIGINAL_DIP_CELL_S,
    ORIGINAL_DIP_LOSS,
    PUBLISHED_ALONE,
    PUBLISHED_COMBINED,
)
from study.replication.condition_names import (
    AS_REPORTED,
    DIP_FITTED,
    DIP_HELD_OUT,
    IN_MEMORY,
    PER_IMAGE,
    as_reported_name,
)


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


def reverse_steps() -> str:
    header = (
        *("start", "denoising steps", "seconds, DIP's counted", "FID"),
        *("distance to its start image", "distance to nearest training image", "seeds"),
    )
    rows = []
    (combined,) = (r for r in conditions(MNIST, "controlled") if r["condition"] == "DIP→DDPM")
    for images in ("from noise", "from prior", "from real images"):
        for steps in (0, 2, 5, 10, 25, 50):
            if found := extra(MNIST, "DIP→DDPM", images, steps):
                seconds = statistics.fmean(float(row["seconds"] or 0) for row in found)
                seconds += float(combined["dip_time_s"]) if images == "from prior" else 0.0
                columns = ("fid", "nearest_source", "nearest_train")
                values = (number(seconds), *(column_mean(found, column) for column in columns))
                rows.append([images, f"{steps}", *values, str(len(found))])
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
        figures = [column_mean(found, column) for column in columns for found in both]
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


def drawing_variants() -> str:
    """Variants of how samples start, beside DDPM alone by as many reverse steps."""
    file = REFERENCE / MNIST / "variants.csv"
    rows = [
        [
            row["name"],
            number(row["fid"]),
            ratio(row["ratio"], row["low"], row["high"]) if row["ratio"] else "",
            *(number(row[name]) for name in ("nearest_source", "nearest_train", "with_dip_s")),
            row["n"],
        ]
        for row in (read_csv(file) if file.exists() else [])
    ]
    header = (
        *("by 10 reverse steps", "FID", "ratio to DDPM alone [95 % interval]"),
        *("distance to its start image", "distance to nearest training image"),
        *("seconds of drawing, DIP counted", "seeds"),
    )
    return markdown(header, rows or [[NOT_YET, *[""] * (len(header) - 1)]])


def squares() -> str:
    """Whether samples without a digit are the prior's, or show too little training."""
    file = REFERENCE / MNIST / "squares.csv"
    rows = [
        [
            row["question"],
            *(percent(row[name]) for name in ("share", "other")),
            f"{percent(row['low'])} to {percent(row['high'])}",
            *(row["n"], row["answer"]),
        ]
        for row in (read_csv(file) if file.exists() else [])
    ]
    header = (
        *("the original's first setting", "share without a digit", "against"),
        *("difference, 95 % interval", "images of each", "answer"),
    )
    return markdown(header, rows or [[NOT_YET, *[""] * (len(header) - 1)]])


TABLES: dict[str, Callable[[], str]] = {
    "findings/loader-mnist": loader(MNIST),
    "findings/loader-digits": loader(DIGITS),
    "findings/dip-share": dip_share,
    "findings/dip-alone": dip_alone,
    "findings/reverse-steps": reverse_steps,
    "findings/refined": refined,
    "findings/grey": grey,
    "findings/drawing-variants": drawing_variants,
    "findings/squares": squares,
}
