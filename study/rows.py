"""The rows of the report's experiments by name, and what the report says of them."""

from dataclasses import dataclass

STD_SERIES = (0.8, 1.0, 1.2)
DIP_LR_SERIES = (5e-4, 1e-3, 2e-3, 5e-3)
DIP_LR_STD = 1.2  # at which the report varied dip_lr

AS_REPORTED = "as reported"
CONTROLLED = "controlled"

ALONE, COMBINED = "DDPM alone", "DIP→DDPM"
ALONE_UNIT, ALONE_NORM = "DDPM alone, range [0, 1]", "DDPM alone, input normalised"
NOISY_ALONE, NOISY_COMBINED = "noisy images: DDPM alone", "noisy images: DIP→DDPM"
DIP_ALONE = "DIP alone"


@dataclass(frozen=True)
class Reported:
    """What the report says of a run."""

    per_iteration_s: float | None = None
    """Seconds per epoch of 60,000 images."""
    total_s: int | None = None
    """Of 20 epochs, DIP left out."""
    says: str = ""


NOT_RUN = Reported()
REPORTED_ALONE = Reported(22.93, 460, "baseline; some ragged edges")
REPORTED_DIP = Reported(says="restored digits; strokes emphasised")

# (dip_lr, ddpm_lr, std); the fourth is not the report's: the middle that its dip_lr series lacks
REPORTED_COMBINED = (
    ((1e-3, 5e-4, 1.0), Reported(15.49, 310, "better shapes; greyer, lower contrast")),
    ((1e-3, 5e-4, 1.2), Reported(15.28, 307, "the higher std, the less precise")),
    ((1e-3, 5e-4, 0.8), Reported(15.19, 303)),
    ((1e-3, 1e-3, 1.2), NOT_RUN),
    ((5e-4, 1e-3, 1.2), Reported(15.32, 305)),
    ((2e-3, 1e-3, 1.2), Reported(15.27, 305, "the larger dip_lr, the less clear")),
    ((5e-3, 1e-3, 1.2), Reported(15.41, 308, "least clear")),
)

FEW_STEPS, MANY_STEPS = 10, 50
"""Reverse steps at which a start from the prior is compared with one from noise."""

REPORT_DIP_STEPS = 3500
REPORT_STEPS = 469
"""Batches of 128 in the report's epoch of 60,000 images."""

SETTINGS, LOADERS = "settings", "loaders"
"""The groups of ``timing.csv``: what is timed in turns with what."""


def as_reported_name(name: str) -> str:
    return f"{AS_REPORTED}: {name}"


def setting_name(dip_lr: float, ddpm_lr: float, std: float) -> str:
    return f"dip_lr {dip_lr:g}, ddpm_lr {ddpm_lr:g}, std {std:g}"


def std_name(std: float) -> str:
    return COMBINED if std == 1.0 else f"{COMBINED}, std {std:g}"


def dip_lr_name(dip_lr: float) -> str:
    return std_name(DIP_LR_STD) + ("" if dip_lr == 1e-3 else f", dip_lr {dip_lr:g}")
