"""The conditions of the original report's experiments by name."""

PARAMETER = "condition"
"""The parameter of the design that names a trial's condition; a study that has it replicates."""

STD_SERIES = (0.8, 1.0, 1.2)
DIP_LR_SERIES = (5e-4, 1e-3, 2e-3, 5e-3)
DIP_LR_STD = 1.2  # at which the original report varied dip_lr

AS_REPORTED = "as reported"
CONTROLLED = "controlled"

ALONE, COMBINED = "DDPM alone", "DIP→DDPM"
COMBINED_RAW = f"{COMBINED}, unclipped"
"""What DIP puts out is handed on as it is, so that what it does to the strokes can be seen."""
NOISY_ALONE, NOISY_COMBINED = "noisy images: DDPM alone", "noisy images: DIP→DDPM"
RIVALS = {
    prior: f"noisy images: {name}→DDPM" for prior, name in (("gaussian", "blur"), ("pca", "PCA"))
}
"""Classical denoisers in DIP's place, by prior: the best ones on MNIST and on 8×8 digits."""
DIP_ALONE = "DIP alone"
DIP_FITTED, DIP_HELD_OUT = f"{DIP_ALONE}, the fitted batch", f"{DIP_ALONE}, held-out images"
"""What DIP restores in-sample, as the original shows it, and of images that are new to it."""

ORIGINAL_DDPM_LRS = (1e-3, 5e-4)
"""The original's learning rates of its DDPM alone, and of its first series with a prior."""

SUSPECTS = {
    "range": "range [0, 1]",
    "norm": "input normalised",
    "lr": f"ddpm_lr {ORIGINAL_DDPM_LRS[1]:g}",
}
"""What may make digits greyer besides the prior, as names of conditions say it."""

FEW_STEPS, MANY_STEPS = 10, 50
"""Reverse steps at which a start from the prior is compared with one from noise."""

PRIOR_SET = "prior set"
"""What extra scores call the images that the DDPM learns from."""

SETTINGS, LOADERS = "settings", "loaders"
"""The groups of ``timing.csv``: what is timed interleaved with what."""

LOADERS_TIMED = PER_IMAGE, IN_MEMORY, INDEXED = ("per-image", "tensor-dataset", "tensor")
"""The original's loader of its DDPM alone, that inferred of its DIP→DDPM, and this library's."""


def as_reported_name(name: str) -> str:
    """Return the name of a condition that follows the original report."""
    return f"{AS_REPORTED}: {name}"


def setting_name(dip_lr: float, ddpm_lr: float, std: float) -> str:
    """Return the name of a setting of the original report."""
    return f"dip_lr {dip_lr:g}, ddpm_lr {ddpm_lr:g}, std {std:g}"


def std_name(std: float) -> str:
    """Return the name of the controlled condition with that std."""
    return COMBINED if std == 1.0 else f"{COMBINED}, std {std:g}"


def dip_lr_name(dip_lr: float) -> str:
    """Return the name of the controlled condition with that dip_lr."""
    return std_name(DIP_LR_STD) + ("" if dip_lr == 1e-3 else f", dip_lr {dip_lr:g}")


def dip_steps_name(part: int) -> str:
    """Return the name of the controlled condition with one part in so many of the DIP steps."""
    return COMBINED if part == 1 else f"{COMBINED}, 1/{part} of the DIP steps"


def suspects_name(*suspects: str, start: str = ALONE) -> str:
    """Return the name of the controlled condition that differs from another by these suspects."""
    return ", ".join([start, *(text for name, text in SUSPECTS.items() if name in suspects)])


ALONE_UNIT, ALONE_NORM, ALONE_LR = (suspects_name(name) for name in SUSPECTS)
COMBINED_LR = suspects_name("lr", start=COMBINED)

DIP_STEPS_PARTS = (10, 3, 1)
FINE_STD = 0.4
"""A std below the original's, at which DIP changes its images less."""

PRIOR_SETS = tuple(
    dict.fromkeys(
        [std_name(FINE_STD), *map(std_name, STD_SERIES), *map(dip_steps_name, DIP_STEPS_PARTS)]
    )
)
"""Conditions whose prior sets differ in quality, by ``std`` or by the number of DIP steps."""

START_PART = 4
"""t₀ = T / 4: far enough for the strokes to be redrawn, near enough to keep a digit."""

NOISED = f"{COMBINED}, started from noised prior images"
MIXED = f"{COMBINED}, x_T mixed of noise and prior images"
NOISE_RESTORED = f"{COMBINED}, started from DIP of pure noise"
OWN_LEVEL = f"{COMBINED}, DIP undoes the DDPM's noise at t₀"
VARIANTS = (NOISED, MIXED, NOISE_RESTORED, OWN_LEVEL)
"""Variants of drawing, and of what DIP undoes, by few reverse steps each."""

WITHOUT_DIP = "without DIP"
"""The twin of the original's first setting that shows whether its grey squares are the prior's."""
