"""The tables of the claims and of the conditions that decide them."""

import math
from collections.abc import Callable

from reference_results import (
    DIGITS,
    MNIST,
    NOT_YET,
    REFERENCE,
    conditions,
    effects,
    extra,
    not_yet_run,
)
from table_text import (
    DATA,
    Row,
    markdown,
    mean_interval,
    number,
    percent,
    ratio,
    read_csv,
    read_json,
)

from study.problem.search_space import NOISY_STD
from study.replication.claim_text import MANY
from study.replication.claims import CLAIMS
from study.replication.condition_names import AS_REPORTED, FEW_STEPS, MANY_STEPS
from study.replication.evidence import QUALITIES

ANSWERS = {"holds": "yes", "does not hold": "no", "cannot tell at this scale": "unclear"}


def answer() -> str:
    """The README's table: what holds of the idea, at both scales."""
    questions = (
        ("Is a training step faster?", "seconds per step", "a"),
        ("Is the whole run faster, the prior's own time counted?", "seconds", "b"),
        ("Are the digits better, learned from clean images?", "FID", "c"),
        ("Are they better where only noisy images exist?", "FID", "i"),
        (
            f"Do {FEW_STEPS} steps from a noised prior image beat {FEW_STEPS} from noise, "
            f"and match {MANY_STEPS}?",
            *("FID", "g, steps"),
        ),
    )
    rows = [
        [question, measure, *(_answer(effects(folder, claim)) for folder in (MNIST, DIGITS))]
        for question, measure, claim in questions
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
        for start, steps in (("prior", FEW_STEPS), ("noise", MANY_STEPS))
    )
    dip_s = float(combined["dip_time_s"])
    logs = [math.log((dip_s + a) / b) for a, b in zip(prior, noise, strict=True)]
    middle, low, high = (math.exp(value) for value in mean_interval(logs))
    answer = "unclear" if low <= 1 <= high else "yes" if middle < 1 else "no"
    return f"**{answer}**: {ratio(middle, low, high)}, n = {len(logs)}"


def _answer(found: list[Row]) -> str:
    """Return a verdict with the figure that speaks least for it, by each network where two judge.

    What voids it is said if the figure does not decide.
    """
    found = [row for row in found if row["p_for"]]
    if not found:
        return NOT_YET
    verdict, note = found[0]["verdict"], found[0]["note"]
    void = f" ({note.partition(',')[0]})" if note else ""
    second = [row for row in found if QUALITIES["fid_second"] in row["what"]]
    least = [
        max(rows, key=lambda row: float(row["p_for"]))
        for rows in ([row for row in found if row not in second], second)
        if rows
    ]
    told = " and ".join(ratio(row["ratio"], row["low"], row["high"]) for row in least)
    return f"**{ANSWERS[verdict]}**{void}: {told}, n = {least[0]['n']}"


def claims(folder: str) -> Callable[[], str]:
    def table() -> str:
        rows, whose = [], {claim.letter: claim.whose for claim in CLAIMS}
        for letter in dict.fromkeys(row["claim"] for row in _claims(folder)):
            found = effects(folder, letter)
            if len(found) > MANY:  # many settings: the one that speaks least for the claim
                found = [max(found, key=lambda row: float(row["p_for"]))]
            for i, row in enumerate(found):
                verdict = row["verdict"] + (f" ({row['note']})" if row["note"] else "")
                rows.append(
                    [
                        *((letter, row["text"], whose.get(letter, "")) if i == 0 else ("",) * 3),
                        verdict if i == 0 else "",
                        _compared(row),
                        ratio(row["ratio"], row["low"], row["high"]),
                        row["n"],
                        percent(row["detectable"]),
                    ]
                )
        judged = {row["claim"] for row in _claims(folder)}
        rows += [
            [claim.letter, claim.text, claim.whose, NOT_YET, *[""] * 4]
            for claim in CLAIMS
            if claim.letter not in judged
        ]
        header = (
            *("", "claim", "whose", "verdict", "compared", "ratio [95 % interval]"),
            *("n", "detectable"),
        )
        return markdown(header, rows)

    return table


def _claims(folder: str) -> list[Row]:
    return read_csv(REFERENCE / folder / "claims.csv")


def _compared(row: Row) -> str:
    if not row["mean"]:
        return row["what"]
    return f"{row['what']}: {number(row['mean'])} and {number(row['baseline_mean'])}"


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
        "FID (second network)": "fid_second",
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
            [row["condition"], row["n"], *(number(row.get(name, "")) for name in columns.values())]
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


TABLES: dict[str, Callable[[], str]] = {
    "findings/answer": answer,
    "findings/scale": scale,
    "findings/claims-mnist": claims(MNIST),
    "findings/claims-digits": claims(DIGITS),
    "findings/as-reported": as_reported,
    "findings/controlled-mnist": controlled(MNIST),
    "findings/controlled-digits": controlled(DIGITS),
    "findings/suspects-mnist": suspects,
}
