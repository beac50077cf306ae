"""Several machines on one: hosts with an address, processes, a disk and an sshd of their own.

They are Linux namespaces joined by a bridge that leads nowhere else, so nothing that runs on them
reaches a network, and ``ray stop`` on one ends no process of another. Root's alone, with iproute2,
openssh-server and rsync. All of it goes when the process that made it goes.

Their disks hold a machine's image: the interpreter that runs the tests, and a ``~/venv`` from which
the packages of its environment can be imported, since no index is in reach.
"""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

from support.waiting import HANG_S, wait_until

PROGRAMS = ("ip", "unshare", "nsenter", "setpriv", "/usr/sbin/sshd", "ssh-keygen", "rsync", "tmux")

SWITCH = "10.77.0.1"
"""Address of the bridge, on which a service for all hosts can listen."""

# the host's disk, its name, a file for /etc/hosts, and folders that it sees as they are, each as
# ro:PATH or rw:PATH
BOOT = """
set -eu
disk=$1 name=$2 hosts=$3; shift 3
mount --make-rprivate /
hostname "$name"
for part in usr etc bin sbin lib lib64; do
  if [ -L "/$part" ]; then ln -sfn "$(readlink "/$part")" "$disk/$part"
  elif [ -d "/$part" ]; then mkdir -p "$disk/$part"; mount --bind -o ro "/$part" "$disk/$part"; fi
done
mount --bind "$hosts" "$disk/etc/hosts"
mkdir -p "$disk"/{proc,sys,dev,run,tmp,root}
chmod 1777 "$disk/tmp"
mount -t proc proc "$disk/proc"
mount --rbind /sys "$disk/sys"
mount --rbind /dev "$disk/dev"
mount -t tmpfs -o mode=1777 shm "$disk/dev/shm"
mount -t tmpfs run "$disk/run"
mkdir "$disk/run/sshd"
for shown in "$@"; do
  folder=${shown#*:}
  mkdir -p "$disk$folder"; mount --bind -o "${shown%%:*}" "$folder" "$disk$folder"
done
exec chroot "$disk" /usr/sbin/sshd -D -e -f /dev/null -o HostKey=/root/.ssh/id_ed25519 \
  -o AuthorizedKeysFile=/root/.ssh/id_ed25519.pub -o StrictModes=no -o PidFile=none
"""


def unavailable() -> str | None:
    """Why there can be no hosts here; None if there can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "hosts of their own need Linux and root"
    if absent := [program for program in PROGRAMS if not shutil.which(program)]:
        return f"not installed: {', '.join(absent)}"
    tried = subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "true"], check=False)
    return "namespaces are not permitted here" if tried.returncode else None


class Lab:
    """A bridge and hosts; use it as a context manager.

    Args:
        folder: for the hosts' disks.
        names: of the hosts.
        environment: variables of their shells.
        shows: folders that they see as they are, to read only.
        shares: folders that all of them can write.
    """

    def __init__(
        self,
        folder: Path,
        names: tuple[str, ...],
        environment: dict[str, str],
        shows: list[Path],
        shares: tuple[Path, ...] = (),
    ) -> None:
        self.folder, self.environment = folder, environment
        venv_and_interpreter = {Path(sys.prefix), Path(sys.base_prefix)} - {Path("/usr")}
        self.shows = [f"ro:{path}" for path in (*sorted(venv_and_interpreter), *shows)]
        self.shows += [f"rw:{path}" for path in shares]
        self.hosts_file, self.key = folder / "hosts", folder / "id_ed25519"
        self._services: list[subprocess.Popen[bytes]] = []
        self.hosts = [Host(self, name, f"10.77.0.{10 + i}") for i, name in enumerate(names)]

    def __enter__(self) -> "Lab":
        keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)]
        subprocess.run(keygen, check=True)
        lines = ["127.0.0.1 localhost", *(f"{host.address} {host.name}" for host in self.hosts)]
        self.hosts_file.write_text("".join(f"{line}\n" for line in lines))
        self.switch = _unshare("--net", "sleep", "infinity")
        for command in (
            "link set lo up",
            # an address of its own: else it has that of a port, which changes as hosts come and go
            "link add switch address 02:00:00:00:00:01 type bridge",
            f"address add {SWITCH}/24 dev switch",
            "link set switch up",
        ):
            self.ip(self.switch.pid, command)
        try:
            for host in self.hosts:
                host.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for host in self.hosts:
            host.stop()
        for process in (*self._services, self.switch):
            process.kill()
            process.wait()

    def serve(self, *command: str) -> None:
        """A service on the bridge, in view of all hosts and of nobody else."""
        inside = ["nsenter", "--target", str(self.switch.pid), "--net", *command]
        with (self.folder / "services.log").open("ab") as log:
            self._services.append(subprocess.Popen(_dying_with_us(*inside), stdout=log, stderr=log))

    def ip(self, pid: int, command: str) -> None:
        """``ip COMMAND`` in the network of a process."""
        inside = ["nsenter", "--target", str(pid), "--net", "ip", *command.split()]
        subprocess.run(inside, check=True)


class Host:
    """A machine of a lab."""

    def __init__(self, lab: Lab, name: str, address: str) -> None:
        self.lab, self.name, self.address = lab, name, address
        self.disk = lab.folder / name
        self.home = self.disk / "root"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Switch it on, with the disk it has, or with a new one."""
        if not self.home.exists():
            self._install()
        lab = self.lab
        boot = ["bash", "-c", BOOT, "boot", self.disk, self.name, lab.hosts_file, *lab.shows]
        spaces = ("--net", "--mount", "--pid", "--uts", "--ipc")
        with (lab.folder / f"{self.name}.log").open("ab") as log:
            self._process = _unshare(*spaces, *map(str, boot), output=log)
        pid = self._process.pid
        # one and the same card after a reboot: others remember it
        card = f"02:00:00:00:00:{int(self.address.rpartition('.')[2]):02x}"
        peer = f"type veth peer name {self.name} netns {lab.switch.pid}"
        lab.ip(pid, f"link add eth0 address {card} {peer}")
        lab.ip(lab.switch.pid, f"link set {self.name} master switch up")
        for command in (f"address add {self.address}/24 dev eth0", "link set eth0 up"):
            lab.ip(pid, command)
        lab.ip(pid, "link set lo up")
        answers = f"ssh-keyscan {self.address} 2> /dev/null"
        wait_until(
            lambda: not self.run(answers, check=False).returncode,
            why_not=(lab.folder / f"{self.name}.log").read_text,
        )

    def stop(self) -> None:
        """Its power fails: all its processes are gone at once."""
        if self._process:
            os.kill(self.first_process, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def wipe(self) -> None:
        """A new, empty disk."""
        shutil.rmtree(self.disk)

    @property
    def first_process(self) -> int:
        """Its pid 1, as seen from outside."""
        assert self._process is not None, f"{self.name} is off"
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return int(children.read_text())

    def run(self, command: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A command in a shell on it, in the home folder."""
        spaces = ("--net", "--mount", "--pid", "--uts", "--ipc", "--root", "--wd=/")
        inside = ["nsenter", "--target", str(self.first_process), *spaces]
        clean = [
            "env",
            "-i",
            "HOME=/root",
            "USER=root",
            "TERM=dumb",
            "PATH=/usr/sbin:/usr/bin:/bin",
        ]
        done = subprocess.run(
            [*inside, *clean, "bash", "-c", f"cd; source ~/.bashrc; {command}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=HANG_S,
            check=False,
        )
        if check and done.returncode:
            raise RuntimeError(
                f"{self.name}: {command}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
            )
        return done

    def _install(self) -> None:
        """The image of a machine, on which neither the project nor Ray is set up."""
        for folder in (".ssh", ".config/pip"):
            (self.home / folder).mkdir(parents=True)
        for part in (self.lab.key, self.lab.key.with_suffix(".pub")):
            shutil.copy(part, self.home / ".ssh")
        lines = [f"{name}='{value}'" for name, value in self.lab.environment.items()]
        path = f'PATH="{sys.base_prefix}/bin:$PATH"'
        (self.home / ".bashrc").write_text(f"export {' '.join([path, *lines])}\n")
        # no index, hence no place from which a build environment could be filled
        (self.home / ".config/pip/pip.conf").write_text(
            "[global]\nno-index = true\ndisable-pip-version-check = true\n"
            "[install]\nno-build-isolation = false\n"  # an old riddle of pip's: false means without
        )
        venv = self.home / "venv"
        python = Path(sys.base_prefix, "bin", "python3")
        subprocess.run([python, "-m", "venv", "--without-pip", venv], check=True)
        packages = Path(sysconfig.get_path("purelib"))
        own = venv / packages.relative_to(sys.prefix)
        (own / "image.pth").write_text(f"{packages}\n")
        for name, module in (("pip", "pip"), ("ray", "ray.scripts.scripts")):
            script = venv / "bin" / name
            script.write_text(f'#!/bin/sh\nexec /root/venv/bin/python -m {module} "$@"\n')
            script.chmod(0o755)


def _dying_with_us(*command: str) -> list[str]:
    return ["setpriv", "--pdeathsig", "KILL", *command]


def _network_of(pid: int) -> str:
    return os.readlink(f"/proc/{pid}/ns/net")


def _unshare(*arguments: str, output: object = None) -> subprocess.Popen[bytes]:
    """A process in namespaces of its own. The one returned is in its network, and ends with it."""
    command = _dying_with_us("unshare", "--fork", "--kill-child", *arguments)
    outside = _network_of(os.getpid())
    process = subprocess.Popen(command, stdout=output, stderr=output)  # type: ignore[call-overload]
    wait_until(
        lambda: process.poll() is not None or _network_of(process.pid) != outside, every_s=0.01
    )
    if process.returncode is not None:
        raise RuntimeError(f"no namespace: {command}")
    return process
