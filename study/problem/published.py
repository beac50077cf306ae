"""What the report says of its own runs."""

from dataclasses import dataclass


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

REPORT_DIP_STEPS = 3500
REPORT_STEPS = 469
"""Batches of 128 in the report's epoch of 60,000 images."""
