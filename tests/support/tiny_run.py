"""A run of a second on the command line."""

SMALL = (
    *("--dip-width", "8", "--width", "8", "--sampler-steps", "3"),
    *("--scored-images", "100"),
)
"""Networks and scores that take next to no time."""

TINY = (
    *("run", "--dataset", "digits", "--train-size", "96", "--dip-batch-size", "64"),
    *("--dip-steps", "4", *SMALL),
)
