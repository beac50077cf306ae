"""Find the mistakes in a job script for Slurm before it has waited in a queue.

Neither Slurm nor an account is needed. The checks are of mistakes that Slurm accepts and that cost
a night or an allocation. Each mistake is one line that names the option, its value and what to do.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from study.cluster.config_check import PLACEHOLDER
from study.cluster.private_ray import SOCKET

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

OF_ONE_NODE = ("/tmp", "/var/tmp", "/dev/shm", "/run", "$TMPDIR", "$SLURM_TMPDIR", "/scratch/local")
"""Where folders begin that each node has for itself."""

LEAST_S = 60
"""The fewest seconds between the signal and the time limit: the study has to end its trials, and
Slurm sends signals up to half a minute late."""

MOST_SIGNAL_S = 65535
"""The most seconds that Slurm takes for a signal."""

JOB = "$SLURM_JOB_ID"
"""What is different in each job."""

MOST_TMPDIR = 107 - len(f"/{SOCKET.format(pid=4_194_304)}")
"""The most bytes of the folder that Ray makes its sockets in: Linux takes paths of 107 bytes."""


@dataclass(frozen=True)
class JobScript:
    """A job script as far as it is checked.

    Attributes:
        options: what ``#SBATCH`` lines say, by the long names of the options; "" without a value.
        unread: ``#SBATCH`` lines below the first command, which Slurm does not read.
        variables: what is first assigned to each name by a line of assignments, without quotes.
        study: the flags of the study, by name, from the array ``study=(...)``.
        commands: the script without comments.
    """

    options: Mapping[str, str]
    unread: tuple[str, ...]
    variables: Mapping[str, str]
    study: Mapping[str, str]
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
        words = shlex.split(found.group(1), comments=True) if found else []
        values = [*words[1:], ""]
        study = {w: v for w, v in zip(words, values, strict=True) if w.startswith("--")}
        return cls(options, tuple(unread), variables, study, body)

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


def mistakes(text: str) -> Iterator[str]:
    """Yield one line for each mistake in a job script."""
    try:
        script = JobScript.read(text)
    except ValueError as error:
        yield f"the script cannot be read: {error}"
        return
    for line in script.unread:
        yield f"{line} stands below the first command, where Slurm does not read it; move it up"
    for name, value in {**script.options, **script.variables}.items():
        if PLACEHOLDER in value:
            yield f"{name} is still {value}; the comment above it says what belongs there"
    yield from _nodes(script)
    yield from _time(script)
    yield from _gpus(script)
    yield from _folders(script)
    yield from _ray(script)


def _nodes(script: JobScript) -> Iterator[str]:
    nodes, options = script.number("nodes"), script.options
    if not nodes:
        yield f"--nodes is {options.get('nodes', 'missing')}; expected the number of nodes"
    if (tasks := options.get("ntasks-per-node", "missing")) != "1":
        yield f"--ntasks-per-node is {tasks}; expected 1: one Ray serves all of a node"
    if (tasks := options.get("ntasks", str(nodes))) != str(nodes):
        yield f"--ntasks is {tasks}; expected {nodes}, one for each of --nodes, or none"
    if not script.number("cpus-per-task"):
        cpus = options.get("cpus-per-task", "missing")
        yield f"--cpus-per-task is {cpus}; expected the cores that the study gets of each node"


def _time(script: JobScript) -> Iterator[str]:
    options = script.options
    limit_s = seconds(options.get("time", ""))
    if not limit_s:
        value = options.get("time", "missing")
        yield f"--time is {value}; expected a limit, as D-HH:MM:SS, HH:MM:SS or minutes"
    signal = options.get("signal", "missing")
    found = re.fullmatch(r"B:(?:SIG)?([A-Z]+\d?)@(\d+)", signal)
    if not found:
        yield (
            f"--signal is {signal}; expected B:USR1@300, which tells the script alone that the "
            "limit is near: the study is stopped in time then"
        )
    else:
        name, before_s = found.group(1), int(found.group(2))
        if not re.search(rf"\btrap .*\b(?:SIG)?{name}\b", script.commands):
            yield f"--signal is {signal}; expected a signal that a trap of the script takes up"
        most = min(limit_s // 2, MOST_SIGNAL_S) if limit_s else MOST_SIGNAL_S
        if not LEAST_S <= before_s <= most:
            yield (
                f"--signal comes {before_s} s before the limit; expected {LEAST_S} to {most} s: "
                "time enough to stop the study, and at most half of --time"
            )
    if "requeue" not in options or "no-requeue" in options:
        yield "--requeue is missing; without it no job goes on after a preemption or a lost node"
    if "scontrol requeue" not in script.commands:
        yield "no `scontrol requeue`; without it the job does not go on after its time limit"
    if "--resume" not in script.commands:
        yield "no --resume; without it a job that is queued again cannot go on with its study"
    if (mode := options.get("open-mode", "missing")) != "append":
        yield f"--open-mode is {mode}; expected append, or a job that goes on empties its log"


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


def _gpus(script: JobScript) -> Iterator[str]:
    gpus, cpus = _gpus_per_node(script.options), script.number("cpus-per-task")
    each, cpus_each = (_share(script, name) for name in ("gpus-per-trial", "cpus-per-trial"))
    trials = gpus / each if gpus and each else 1.0
    if gpus is None:
        asked = script.options.get("gpus-per-node") or script.options["gres"]
        yield f"--gpus-per-node is {asked}; expected the number of GPUs of each node, or none"
    elif each and not gpus:
        yield f"--gpus-per-node is missing; expected GPUs, since --gpus-per-trial is {each:g}"
    elif gpus and not each:
        yield f"--gpus-per-trial is missing or no share; expected one that divides {gpus} GPUs"
    elif each and not (_is_whole(trials) and _is_whole(each if each > 1 else 1 / each)):
        yield (
            f"--gpus-per-trial is {each:g}; expected a share that fills the {gpus} GPUs of "
            "--gpus-per-node: 1, 0.5, 0.25, or 2 where that divides them"
        )
    elif cpus and cpus < trials * cpus_each:
        yield (
            f"--cpus-per-task is {cpus}; expected at least {trials * cpus_each:g}, the cores of "
            f"{trials:g} trials with --cpus-per-trial {cpus_each:g}, or GPUs stay idle"
        )


def _is_whole(number: float) -> bool:
    return abs(number - round(number)) < 1e-6


def _gpus_per_node(options: Mapping[str, str]) -> int | None:
    """Return the GPUs of each node, 0 without any; None where they cannot be read."""
    asked = options.get("gpus-per-node", options.get("gres", "0").removeprefix("gpu:"))
    count = asked.rpartition(":")[2]  # behind the GPU's type
    return int(count) if count.isascii() and count.isdigit() else None


def _share(script: JobScript, flag: str) -> float:
    """Return how much of something a trial takes; 0 where that cannot be read."""
    value = script.study.get(f"--{flag}", "1" if flag == "cpus-per-trial" else "")
    return float(value) if re.fullmatch(r"\d+\.?\d*", value) else 0.0


def _folders(script: JobScript) -> Iterator[str]:
    for flag in ("storage-path", "results-dir"):
        found = re.search(rf"--{flag}[ =]\"?(\S+?)[\")\s]", script.commands)
        place = found.group(1) if found else "missing"
        place = script.variables.get(place.strip('${}"'), place)
        if not found or place.startswith(OF_ONE_NODE):
            yield f"--{flag} is {place}; expected a folder that all nodes share"
    place = script.variables.get("RAY_TMPDIR", "missing")
    is_short = len(place.replace(JOB, "12345678")) <= MOST_TMPDIR
    if JOB not in place or not place.startswith(OF_ONE_NODE) or not is_short:
        yield (
            f"RAY_TMPDIR is {place}; expected a short folder of each node and job, as "
            "/tmp/ray-$SLURM_JOB_ID: the paths of sockets are short"
        )


def _ray(script: JobScript) -> Iterator[str]:
    if JOB.strip("$") not in (port := script.variables.get("port", "missing")):
        yield (
            f"port is {port}; expected one of each job, as $((20000 + SLURM_JOB_ID % 10000)): jobs "
            "that share a node would meet"
        )
    if "RAY_AUTH_MODE=token" not in script.commands:
        yield "RAY_AUTH_MODE is missing; expected token, or everyone on the network commands Ray"
    if "--cpus-per-task" not in script.commands:
        yield "srun has no --cpus-per-task; expected it: Slurm gives the step one core without"
