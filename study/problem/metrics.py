"""The table of what a trial reports, and which of it can be an objective.

The columns of the results, the axes of the page and the choices of ``--objectives`` follow from it.
"""

from study.problem.search_space import DRAWING, ORIGINAL
from study.spec.problem import Metric

METRICS = (
    Metric(
        "fid",
        "FID",
        goal="min",
        references=("fid_floor", "fid_threshold", "fid_noise", "scored_images", "features"),
    ),
    Metric(
        *("fid_corrupted", "FID with noise, against noisy images", "", "min"),
        references=(
            *("fid_corrupted_floor", "fid_corrupted_threshold", "fid_corrupted_noise"),
            *("scored_images", "features_corrupted"),
        ),
    ),
    Metric(
        *("fid_second", "FID (second network)", "", "min"),
        references=("fid_second_floor", "scored_images", "features_second"),
        about="goes by what another network sees, which has also learnt to tell damaged images: "
        "blur and grain, to which the classifier behind FID is nearly blind",
    ),
    Metric(
        *("fid_novel", "FID of new images", "", "min"),
        references=("fid_floor", "fid_threshold", "fid_noise", "scored_images", "features"),
        awaited=True,
    ),
    Metric("fid_second_floor", "FID floor (second network)"),
    Metric("fid_corrupted_floor", "floor of the FID with noise"),
    Metric("fid_corrupted_noise", "FID with noise, of noise"),
    Metric("fid_corrupted_threshold", "FID with noise that counts as recognisable"),
    Metric("fid_floor", "FID floor (real against real)"),
    Metric("fid_noise", "FID of noise"),
    Metric("fid_threshold", "FID that counts as recognisable"),
    Metric("kid", "KID", goal="min"),
    Metric("kid_std", "KID, deviation over subsets"),
    Metric("precision", "precision", goal="max"),
    Metric("recall", "recall", goal="max"),
    Metric("confidence", "classifier's confidence", goal="max"),
    Metric("classes", "classes seen", goal="max"),
    Metric("contrast", "contrast (real = 1)"),
    Metric("nearest_train", "distance to the training set (real = 1)"),
    Metric("nearest_source", "distance to the start images (real = 1)"),
    Metric("scored_images", "images scored"),
    Metric("dip_saw", "images DIP was fitted to"),
    Metric("loss", "DDPM loss", goal="min"),
    Metric("dip_loss", "DIP loss", goal="min"),
    Metric("dip_psnr", "PSNR after DIP", "dB", "max"),
    Metric("dip_psnr_noisy", "PSNR before DIP", "dB"),
    Metric("dip_ssim", "SSIM after DIP", goal="max"),
    Metric(
        *("time_per_iteration_s", "time per iteration (epoch)", "s", "min"),
        declared_effects_only=True,
        margin=0.05,
    ),
    Metric("dip_time_s", "DIP time", "s", "min", cost="so far"),
    Metric("train_time_s", "DDPM training time", "s", "min", cost="so far"),
    Metric(
        *("sample_time_s", "time to draw the scored images", "s", "min", "each"),
        declared_effects_only=True,
    ),
    Metric("score_time_s", "time to score them", "s", "min", "each"),
    Metric("save_time_s", "time to save and report the evaluation before", "s", "min", "each"),
    Metric("time_total_s", "DIP and DDPM training time", "s", "min", margin=0.05),
    Metric(
        *("time_to_quality_s", "time until recognisable", "s", "min"),
        margin=0.05,
        awaited=True,
    ),
    Metric("features", "features of the scores"),
    Metric("features_second", "features of the FID (second network)"),
    Metric("features_corrupted", "features of the FID with noise"),
    Metric("dataset_hash", "data"),
)

MEASURED_WORK = tuple(metric.name for metric in METRICS if metric.declared_effects_only)
"""The metrics that measure a fixed piece of work, which learning rates and std cannot change."""

OF_PRIOR = ("dip_loss", "dip_psnr", "dip_ssim")
"""The metrics that a run without prior does not have."""

OF_LABELS = ("confidence", "classes")
"""The metrics that only images with labels have."""

OF_NOISY_REGIME = ("fid_corrupted",)
"""The metrics that only a run in the noisy regime has."""

QUALITY = {"clean": "fid", "noisy": "fid_corrupted"}
"""The quality that chooses in each regime, unless ``--objectives`` says otherwise."""

JUDGE = "fid"
"""The quality by which a confirmation judges in every regime, at the end and on clean images."""

SECOND_JUDGE = "fid_second"
"""The quality by which it judges too, where the images have features of a second network."""

OBJECTIVES = tuple(metric.name for metric in METRICS if metric.goal)
"""What can be optimised: every metric of which one end is the better one."""


SEES_NOISE_ALONE = (
    *("fid_corrupted", "loss", "dip_loss"),
    *(metric.name for metric in METRICS if metric.goal and metric.unit == "s"),
)
"""The metrics that in the noisy regime no clean image goes into, nor what has learnt from one."""


def can_choose(regime: str) -> tuple[str, ...]:
    """Return the objectives that a search in a regime can have."""
    if regime == "noisy":
        return tuple(name for name in OBJECTIVES if name in SEES_NOISE_ALONE)
    return tuple(name for name in OBJECTIVES if name not in OF_NOISY_REGIME)


def default_objectives(regime: str, space: str = ORIGINAL) -> tuple[str, ...]:
    """Return the objectives of a search that names none."""
    if space == DRAWING:
        return ("fid_novel", "sample_time_s")
    return (QUALITY[regime], "time_per_iteration_s")


def without_prior(objectives: tuple[str, ...], regime: str) -> tuple[str, ...]:
    """Return those of the objectives that a run without prior has too, or the regime's quality."""
    return tuple(name for name in objectives if name not in OF_PRIOR) or (QUALITY[regime],)
