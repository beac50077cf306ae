"""The tables of what was timed, from ``benchmarks/data``."""

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from table_text import (
    DATA,
    markdown,
    mean_interval,
    number,
    percent,
    ratio,
    ratio_interval,
    read_csv,
    read_json,
)


def load(name: str) -> Any:
    """Return what a benchmark wrote last."""
    return read_json(DATA / f"{name}.json")


def machine() -> str:
    names = ("throughput", "loaders", "whole-trial", "time-to-quality", "dip-stage", "denoisers")
    names += ("stopping", "choosing", "sampling", "packing-quick", "packing-original")
    names += ("whole-study", "scaling")
    rows = []
    for name in names:
        about = load(name)["machine"]
        gpu = about["gpu"] or "none"
        rows.append([f"`{name}.json`", about["cpu"], str(about["threads"]), gpu, about["torch"]])
    return markdown(("data", "processor", "threads", "GPU", "torch"), rows)


def throughput() -> str:
    rows = [
        [
            name,
            f"{row['seconds']:.3f}",
            number(128 / row["seconds"]),
            ratio(row["speedup"], *row["speedup_range"]),
            f"{row['parameters']:,}" if "parameters" in row else "",
            percent(row.get("share_of_limit", "")),
            str(row["n"]),
        ]
        for name, row in load("throughput")["rows"].items()
    ]
    header = (
        *("what", "s per step", "images per s", "times as fast [range]", "parameters"),
        *("of the machine's limit", "n"),
    )
    return markdown(header, rows)


def loaders() -> str:
    rows = [
        [
            name,
            f"{1000 * row['seconds']:.2f}",
            " to ".join(f"{1000 * seconds:.2f}" for seconds in row["seconds_range"]),
            f"{469 * row['seconds']:.2f}",
            str(row["n"]),
        ]
        for name, row in load("loaders")["rows"].items()
    ]
    header = ("loader", "ms per batch, median", "range", "s per epoch of 469 batches", "n")
    return markdown(header, rows)


def whole_trial() -> str:
    rows = [
        [
            stage,
            number(row["original"]),
            number(row["ours"]),
            ratio(row["speedup"], *row["speedup_range"]),
            str(row["n"]),
        ]
        for stage, row in load("whole-trial")["stages"].items()
    ]
    return markdown(("stage", "original, s", "here, s", "times as fast [range]", "n"), rows)


def time_to_quality() -> str:
    recipes = ("original", "ours", "diffusers")
    rows = []
    for row in load("time-to-quality")["rows"]:
        first = [
            f"{number(row['seconds'][name])} ({row['reached'][name]})"
            if row["seconds"][name] is not None
            else "not on record"
            for name in recipes
        ]
        rows.append([number(row["original_s"]), number(row["fid"]), *first])
    header = (
        *("original has trained, s", "its FID then, median"),
        *(f"{name}: first as good after, s" for name in recipes),
    )
    return markdown(header, rows)


def learning_curves() -> str:
    rows, steps = [], []
    for recipe in ("original", "ours", "diffusers"):
        for seed, file in enumerate(sorted(DATA.glob(f"mnist-{recipe}-[0-9].csv"))):
            curve = {row["step"]: row["fid"] for row in read_csv(file)}
            steps = steps or list(curve)
            rows.append([recipe, str(seed), *(number(curve.get(step, "")) for step in steps)])
    return markdown(("recipe", "seed", *(f"{step} steps" for step in steps)), rows)


def dip_stage() -> str:
    data = load("dip-stage")
    ratios = data["ratio"]
    middle = {
        name: number(statistics.median(row[name] for row in data["rows"]))
        for name in ("original_s", "ours_s", "steps")
    }
    rows = [
        ["best PSNR of the original's fit", number(data["best_psnr"], "dB")],
        ["reached by it at step", f"{data['best_step']} of {data['recorded_steps']:,}"],
        ["after, original", f"{middle['original_s']} s"],
        ["after, here", f"{middle['ours_s']} s ({middle['steps']} steps)"],
        [
            "times as fast, median [range]",
            ratio(statistics.median(ratios), min(ratios), max(ratios)),
        ],
        ["n", str(len(ratios))],
    ]
    return markdown(("DIP on held-out images", ""), rows)


def noisy_features() -> str:
    found = load("choosing")["damage"]
    damages = list(next(iter(found.values())))
    rows = [[f"{name}", *(number(each[what]) for what in damages)] for name, each in found.items()]
    return markdown(("features trained on", *damages), rows)


def choosing() -> str:
    rows = []
    for noise in load("choosing")["noises"]:
        taus = [
            f"{each['tau']:.2f} [{each['low']:.2f}, {each['high']:.2f}]"
            for each in noise["agreement"]
        ]
        scores = [
            noise[name] for name in ("fid_of_chosen", "fid_of_best", "fid_median", "fid_noise")
        ]
        rows.append([f"{noise['std']:g}", *taus, *map(number, scores), str(len(noise["rows"]))])
    header = (
        *("std", "FID, `fid_corrupted`", "KID, `fid_corrupted`", "FID, KID"),
        *("FID of the chosen", "of the best", "median", "of noise", "n"),
    )
    return markdown(header, rows)


def whole_study() -> str:
    data = load("whole-study")
    total = data["search_s"] * data["slots"]
    rows = [[stage, number(s), percent(s / total)] for stage, s in data["core_seconds"].items()]
    inside = data["share_inside"]
    rows.append(["in DIP, training, drawing and scoring", number(inside * total), percent(inside)])
    rows.append([f"the command: {number(data['command_s'])} s on {data['slots']} cores", "", ""])
    return markdown(("stage", "core-seconds", "share"), rows)


def packing() -> str:
    rows = []
    for name in ("quick", "original"):
        for at_once, row in load(f"packing-{name}")["rows"].items():
            figures = (statistics.median(row["ratio"]), min(row["ratio"]), max(row["ratio"]))
            rate = number(statistics.median(row["images_per_s"]))
            rows.append([name, at_once, rate, ratio(*figures), str(row["n"])])
    header = ("preset", "trials at once", "images per s", "times one alone [range]", "n")
    return markdown(header, rows)


def sampling() -> str:
    data = load("sampling")["rows"]
    whole = data["ancestral, 1000 steps"]["fid"]
    rows = []
    for name, row in data.items():
        middle = [math.exp(v) for v in mean_interval([math.log(fid) for fid in row["fid"]])]
        against = "1" if row["fid"] is whole else ratio(*ratio_interval(row["fid"], whole))
        seconds = number(row["seconds_per_1000"])
        rows.append([name, ratio(*middle), against, seconds, str(len(row["fid"]))])
    header = (
        "sampler",
        "FID [95 % interval]",
        "against all 1,000 steps",
        "s per 1,000 images",
        "n",
    )
    return markdown(header, rows)


def speedrun() -> str:
    return records_table(load("speedrun"))


def records_table(records: Sequence[dict[str, Any]]) -> str:
    """Return the records of the speedrun, the first one first."""
    rows = []
    for record in records:
        mean = {
            name: statistics.fmean(run[name] for run in record["runs"])
            for name in ("seconds", "core_s", "sample_s")
        }
        recipe = ", ".join(f"{name} {value}" for name, value in record["recipe"].items())
        rows.append(
            [
                *(number(mean[name]) for name in ("seconds", "core_s", "sample_s")),
                ratio(*mean_interval([run["fid"] for run in record["runs"]])),
                number(record["fid_floor"]),
                f"{record['p']:.1g}",
                str(len(record["runs"])),
                recipe,
                f"`{record['code']}`",
                f"{record['machine']['cpu']}, {record['machine']['threads']} threads",
            ]
        )
    header = (
        *("seconds", "core-seconds", "of them sampling, s", "FID [95 % interval]", "floor", "p"),
        *("seeds", "recipe", "code", "machine"),
    )
    return markdown(header, rows)


SAMPLERS = (
    *("ancestral, 25", "ancestral, 50", "ancestral, 250", "DDIM, 25"),
    *("DPM-Solver++(2M), 10", "SDE-DPM-Solver++(2M), 10", "SDE-DPM-Solver++(2M), 15"),
)


def sampler_and_loss() -> str:
    runs = load("sampler-and-loss-digits")["runs"]
    rows = []
    for loss in dict.fromkeys(key.partition(";")[0] for key in runs):
        for sampler in SAMPLERS:
            found = [row[sampler] for key, row in runs.items() if key.startswith(f"{loss};")]
            fid = mean_interval([row["fid"] for row in found])
            means = {
                name: statistics.fmean(row[name] for row in found)
                for name in ("kid", "precision", "recall", "seconds")
            }
            rows.append(
                [
                    loss,
                    sampler,
                    ratio(*fid),
                    f"{means['kid']:.3f}",
                    percent(means["precision"]),
                    percent(means["recall"]),
                    f"{means['seconds']:.2f}",
                    str(len(found)),
                ]
            )
    header = (
        *("loss", "sampler, evaluations", "FID [95 % interval]", "KID", "precision", "recall"),
        *("core-seconds for 300 images", "seeds"),
    )
    return markdown(header, rows)


def scaling() -> str:
    data = load("scaling")["slots"]
    lines: tuple[tuple[str, str, int], ...] = (
        ("length of a trial, s", "sleep_s", 0),
        ("trials per s", "trials_per_s", 2),
        ("efficiency", "efficiency", 2),
        ("driver's core-seconds per trial", "driver_cpu_s_per_trial", 2),
    )
    rows = [[label, *(f"{row[name]:.{places}f}" for row in data)] for label, name, places in lines]
    return markdown(("slots", *(str(row["slots"]) for row in data)), rows)


def in_a_row() -> str:
    row = load("scaling")["in_a_row"]
    before, after = (row[f"driver_mb_{when}"] / 1000 for when in ("before", "after"))
    header = ("trials in a row", "s per trial", "driver's memory before, GB", "after, GB")
    return markdown(
        header,
        [
            [
                f"{row['trials']:,}",
                f"{row['seconds_per_trial']:.2f}",
                f"{before:.2f}",
                f"{after:.2f}",
            ]
        ],
    )


def overhead() -> str:
    rows = [
        [row["variant"], f"{row['trials']:,}", f"{row['seconds'] / row['trials']:.2f}"]
        for row in load("overhead")
    ]
    return markdown(("engine", "trials", "s per trial"), sorted(rows))


def search() -> str:
    methods: dict[str, dict[str, Any]] = load("search")["methods"]
    rows = [
        [
            name,
            f"{row['best_fid']:.2f} ± {row['best_fid_deviation']:.2f}",
            ratio(*row["ratio_to_random"]),
            number(row["epochs"]),
            number(row["completed"]),
        ]
        for name, row in sorted(methods.items(), key=lambda item: item[1]["best_fid"])
    ]
    header = (
        *("sampler, scheduler", "best FID, mean ± deviation"),
        *("against random search with as many epochs [95 % interval]", "epochs", "full trials"),
    )
    return markdown(header, rows)


def pareto() -> str:
    rows = [
        [
            row["sampler"],
            row["scheduler"],
            f"{row['hypervolume']:.3f} ± {row['hypervolume_deviation']:.3f}",
            "" if row["scheduler"] == "asha" else _gain(*row["gain"]),
            number(row["best_fid"]),
            number(row["epochs"]),
            number(row["completed"]),
            str(row["seeds"]),
        ]
        for row in load("pareto")["rows"]
    ]
    header = (
        *("sampler", "scheduler", "hypervolume, mean ± deviation"),
        *("gain by pareto-asha [95 % interval]", "best FID", "epochs", "full trials", "seeds"),
    )
    return markdown(header, rows)


def _gain(gain: float, low: float, high: float) -> str:
    return f"{gain:+.3f} [{low:+.3f}, {high:+.3f}]"


def search_slots() -> str:
    data = load("search-slots")
    rows = [
        [
            row["method"],
            str(row["slots"]),
            f"{row['best_fid']:.2f} ± {row['best_fid_deviation']:.2f}",
            ratio(*row["to_before"]),
            ratio(*row["to_two_slots"]) if row["slots"] > 2 else "1",
            number(row["epochs"]),
            number(row["completed"]),
        ]
        for row in data["rows"]
    ]
    header = (
        *("rule", "slots", f"best FID, mean ± deviation, n = {data['seeds']}"),
        f"to `{data['rows'][0]['method']}` on 2 slots [95 % interval]",
        *("to itself on 2 slots [95 % interval]", "epochs", "full trials"),
    )
    return markdown(header, rows)


def rungs() -> str:
    correlations: dict[str, float] = load("search")["rank_correlation"]
    values: Sequence[str] = [f"{value:.2f}" for value in correlations.values()]
    return markdown(("after epoch", *correlations), [["rank correlation", *values]])


TABLES: dict[str, Callable[[], str]] = {
    "performance/machine": machine,
    "performance/throughput": throughput,
    "performance/loaders": loaders,
    "performance/whole-trial": whole_trial,
    "performance/time-to-quality": time_to_quality,
    "performance/learning-curves": learning_curves,
    "performance/dip-stage": dip_stage,
    "performance/noisy-features": noisy_features,
    "performance/choosing": choosing,
    "performance/whole-study": whole_study,
    "performance/packing": packing,
    "performance/sampling": sampling,
    "performance/sampler-and-loss": sampler_and_loss,
    "performance/speedrun": speedrun,
    "performance/scaling": scaling,
    "performance/in-a-row": in_a_row,
    "performance/overhead": overhead,
    "performance/search": search,
    "performance/search-slots": search_slots,
    "performance/pareto": pareto,
    "performance/rungs": rungs,
}
