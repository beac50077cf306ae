"""The conditions of the original report's experiments by name."""

PARAMETER = "condition"
"""The parameter of the design that names a trial's condition; a study that has it replicates."""

STD_SERIES = (0.8, 1.0, 1.2)
DIP_LR_SERIES = (5e-4, 1e-3, 2e-3, 5e-3)
DIP_LR_STD = 1.2  # at which the original report varied dip_lr

AS_REPORTED = "as reported"
CONTROLLED = "controlled"

ALONE, COMBINED = "DDPM alone", "DIP→DDPM"
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


def suspects_name(*suspects: str, start: str = ALONE) -> str:
    """Return the name of the controlled condition that differs from another by these suspects."""
    return ", ".join([start, *(text for name, text in SUSPECTS.items() if name in suspects)])


ALONE_UNIT, ALONE_NORM, ALONE_LR = (suspects_name(name) for name in SUSPECTS)
COMBINED_LR = suspects_name("lr", start=COMBINED)
