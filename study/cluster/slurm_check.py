"""Find the mistakes in a job script for Slurm before it has waited in a queue.

Neither Slurm nor an account is needed. The checks are of mistakes that Slurm accepts and that cost
a night or an allocation. Each mistake is one line that names the option, its value and what to do.
"""

import re
from collections.abc import Iterator, Mapping

from study.cluster.config_check import PLACEHOLDER
from study.cluster.job_script import JobScript, number, seconds
from study.cluster.private_ray import SOCKET
from study.results.usage import amount

OF_ONE_NODE = ("/tmp", "/var/tmp", "/dev/shm", "/run", "$TMPDIR", "$SLURM_TMPDIR", "/scratch/local")
"""Where folders begin that each node has for itself."""

END = r"kill (?:-s )?-?(?:SIG)?(?:TERM|INT)\b"
"""What ends the study in order, in a trap."""

LEAST_S = 60
"""The fewest seconds between the signal and the time limit: the study has to end its trials, and
Slurm sends signals up to half a minute late."""

MOST_SIGNAL_S = 65535
"""The most seconds that Slurm takes for a signal."""

JOB = "$SLURM_JOB_ID"
"""What is different in each job."""

MOST_TMPDIR = 107 - len(f"/{SOCKET.format(pid=4_194_304)}")
"""The most bytes of the folder that Ray makes its sockets in: Linux takes paths of 107 bytes."""


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
    if not (first := text.partition("\n")[0]).endswith("bash"):
        yield f"the first line is {first}; expected #!/bin/bash, whose arrays the script uses"
    yield from _nodes(script)
    yield from _time(script)
    if script.study:
        yield from _gpus(script)
    yield from _folders(script)
    yield from _study(script)
    yield from _ray(script)


def most(text: str) -> str:
    """Return the most that one start of a job holds, in words, for a script without mistakes.

    Clusters charge for what a job holds, whether or not trials use it. The price is that of the
    study's ``--price-per-hour``.
    """
    script = JobScript.read(text)
    gpus, nodes = _gpus_per_node(script.options) or 0, script.number("nodes") or 0
    each = gpus or script.number("cpus-per-task") or 0
    hours = nodes * each * seconds(script.options["time"]) / 3600
    price = number(script.flags.get("--price-per-hour", "")) or None
    return f"each start of the job holds at most {amount(hours, gpus, price)}"


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
        if not re.search(rf"\btrap .*{END}.*\b(?:SIG)?{name}\b", script.commands):
            yield (
                f"--signal is {signal}; expected a signal that a trap of the script takes up with "
                'kill -TERM "$driver", which ends the study in order'
            )
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


def _gpus(script: JobScript) -> Iterator[str]:
    gpus, cpus = _gpus_per_node(script.options), script.number("cpus-per-task")
    each, cpus_each = (_share(script, name) for name in ("gpus-per-trial", "cpus-per-trial"))
    trials = gpus / each if gpus and each else 1.0
    at_once, nodes = _share(script, "max-concurrent"), script.number("nodes") or 0
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
    elif gpus and 0 < at_once < trials * nodes:
        yield (
            f"--max-concurrent is {at_once:g}; expected at least {trials * nodes:g}, the trials "
            f"that --nodes {nodes} have room for, or none: GPUs would stay idle"
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
    return number(script.flags.get(f"--{flag}", "1" if flag == "cpus-per-trial" else ""))


def _folders(script: JobScript) -> Iterator[str]:
    for flag in ("storage-path", "results-dir"):
        found = re.search(rf"--{flag}[ =]\"?(\S+?)[\")\s]", script.commands)
        place = found.group(1) if found else "missing"
        place = script.variables.get(place.strip('${}"'), place)
        if not found or place.startswith(OF_ONE_NODE):
            yield f"--{flag} is {place}; expected a folder that all nodes share"
    for option in ("output", "error", "chdir"):
        if (place := script.options.get(option, "")).startswith(OF_ONE_NODE):
            yield f"--{option} is {place}; expected a folder that all nodes share"
    place = script.variables.get("RAY_TMPDIR", "missing")
    is_short = len(place.replace(JOB, "12345678")) <= MOST_TMPDIR
    if JOB not in place or not place.startswith(OF_ONE_NODE) or not is_short:
        yield (
            f"RAY_TMPDIR is {place}; expected a short folder of each node and job, as "
            "/tmp/ray-$SLURM_JOB_ID: the paths of sockets are short"
        )


def _study(script: JobScript) -> Iterator[str]:
    if not script.study:
        yield "study=(...) is missing; expected the flags of the study in it"
    for flag in script.flags.keys() & {"--name", "--resume", "--ray-address"}:
        yield f"{flag} stands in study=(...); the script gives it itself, by the job"
    if not re.search(r"study/run\.py .*--ray-address", script.commands):
        yield "study/run.py has no --ray-address; without it one node alone runs trials"
    if not re.search(r"study/run\.py [^\n]*&\s*$", script.commands, re.MULTILINE):
        yield "study/run.py has no & behind it; without it no trap is run before it has ended"
    export = script.options.get("export", "ALL")
    if "ALL" not in export.split(","):
        yield f"--export is {export}; expected ALL, or the active Python environment is left behind"


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
    if not (token := script.variables.get("RAY_AUTH_TOKEN", "$")).startswith("$"):
        yield f"RAY_AUTH_TOKEN is {token}; expected one that each job makes, which no file tells"
