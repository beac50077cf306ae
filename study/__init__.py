"""The study of DIP→DDPM, and the engine that can study any other pipeline."""

import os

# Ray reads these when it is imported. No usage statistics leave this machine, and no notes to
# Ray's own developers appear in the user's terminal.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # its reporter prints whatever the verbosity
os.environ.setdefault("RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS", "0")
os.environ.setdefault("TUNE_PRINT_ALL_TRIAL_ERRORS", "0")  # the recorder tells of them
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")  # the recorder logs for them
