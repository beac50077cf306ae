"""A job script for Slurm, as far as it is checked: options, assignments, flags of the study."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

SHORT = {
    "J": "job-name",
    "N": "nodes",
    "n": "ntasks",
    "c": "cpus-per-task",
    "t": "time",
    "o": "output",
}
"""The short options of sbatch that are read here, by what they are short for."""

FLAGS = ("requeue", "no-requeue", "exclusive")
"""The options that need no value."""


@dataclass(frozen=True)
class JobScript:
    """A job script as far as it is checked.

    Attributes:
        options: what ``#SBATCH`` lines say, by the long names of the options; "" without a value.
        unread: ``#SBATCH`` lines below the first command, which Slurm does not read.
        variables: what is first assigned to each name by a line of assignments, without quotes.
        study: the words of the array ``study=(...)``, the study's flags; empty without one.
        commands: the script without comments.
    """

    options: Mapping[str, str]
    unread: tuple[str, ...]
    variables: Mapping[str, str]
    study: tuple[str, ...]
    commands: str

    @classmethod
    def read(cls, text: str) -> "JobScript":
        """Read a script; what it does not say is missing from what this returns.

        Raises:
            ValueError: a quotation is not closed.
        """
        options: dict[str, str] = {}
        unread, begun, commands = [], False, []
        for line in text.splitlines():
            if line.startswith("#SBATCH"):
                if begun:
                    unread.append(line)
                else:
                    options |= _options(line.removeprefix("#SBATCH"))
            elif line.strip() and not line.lstrip().startswith("#"):
                begun = True
                commands.append(line)
        body = "\n".join(commands)
        variables: dict[str, str] = {}
        for line in re.findall(r"^(?:export )?\w+=[^(].*", body, re.MULTILINE):
            for name, value in re.findall(r"(\w+)=(\$\(\(.*?\)\)|[^\s(]+)", line):
                plain = re.sub(r"\$\{(\w+)\}", r"$\1", value.strip("\"'"))
                variables.setdefault(name, plain)
        found = re.search(r"^study=\(([^)]*)\)", body, re.MULTILINE)
        study = shlex.split(found.group(1), comments=True) if found else []
        return cls(options, tuple(unread), variables, tuple(study), body)

    @property
    def flags(self) -> dict[str, str]:
        """The flags of the study by name; "" where one has no value."""
        words = [part for word in self.study for part in word.split("=", 1)]
        following = [*words[1:], ""][: len(words)]
        return {w: v for w, v in zip(words, following, strict=True) if w.startswith("--")}

    def number(self, name: str) -> int | None:
        """Return an option's value as a number; None where it is none."""
        value = self.options.get(name, "")
        return int(value) if value.isascii() and value.isdigit() else None


def _options(line: str) -> dict[str, str]:
    """Return the options of one ``#SBATCH`` line by their long names."""
    words, found = shlex.split(line, comments=True), {}
    while words:
        word = words.pop(0)
        if word.startswith("--"):
            name, separator, value = word[2:].partition("=")
        else:
            name, value = SHORT.get(word[1:2], word[1:2]), word[2:]
            separator = value
        if not separator and name not in FLAGS and words:
            value = words.pop(0)
        found[name] = value
    return found


def seconds(limit: str) -> int:
    """Return the seconds of a time limit as Slurm reads it; 0 where it is none."""
    found = re.fullmatch(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", limit)
    if not found:
        return 0
    days, *parts = (int(part) if part else None for part in found.groups())
    first, second, third = (part or 0 for part in parts)
    if days is None and parts[2] is None:  # minutes, or minutes:seconds
        return first * 60 + second
    return (days or 0) * 86400 + first * 3600 + second * 60 + third


def number(value: str) -> float:
    """Return a flag's value as a number; 0 where it is none."""
    return float(value) if re.fullmatch(r"\d*\.?\d+|\d+\.", value) else 0.0
