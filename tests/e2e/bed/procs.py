# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes of a test run: each in a group of its own, stopped by that group whatever happens.

A run has a private directory OUT/e2e/NAME.PID for logs and data. What is started is written down
in its file `pids`, so that `python3 procs.py --reap DIR` can end what a killed harness left.
"""

import atexit
import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
OUT = Path(os.environ.get("REDTAP_O") or ROOT / "build").resolve()
CACHE = Path(os.environ.get("REDTAP_CACHE") or ROOT / "build" / "cache").resolve()
PR_SET_PDEATHSIG = 1
PORTS = range(20000, 30000)  # below the ephemeral range, so that no client port collides

_libc = ctypes.CDLL(None, use_errno=True)
_live = []
_run_dir = None
_next_port = PORTS.start + os.getpid() * 37 % len(PORTS)


class CommandFailed(Exception):
    """A client or tool ended with another status than wanted."""


def run_dir():
    """The run's directory, made at its first use; what the program's older runs left is removed."""
    global _run_dir
    if _run_dir is None:
        base = OUT / "e2e"
        base.mkdir(parents=True, exist_ok=True)
        stem = Path(sys.argv[0]).stem
        for old in base.glob(f"{stem}.*"):
            if not os.path.exists(f"/proc/{old.suffix[1:]}"):
                shutil.rmtree(old, ignore_errors=True)
        _run_dir = base / f"{stem}.{os.getpid()}"
        _run_dir.mkdir()
        _run_dir.chmod(0o755)
    return _run_dir


def open_to(user):
    """A new directory that `user` can reach: in the run's, else (a closed home above it) in
    /tmp.
    """
    account = pwd.getpwnam(user)
    uid, gid = account.pw_uid, account.pw_gid
    path = Path(tempfile.mkdtemp(prefix="d", dir=run_dir()))
    os.chown(path, uid, gid)
    probe = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "test", "-w", path]
    if subprocess.run(probe, stderr=subprocess.DEVNULL).returncode:
        path = Path(tempfile.mkdtemp(prefix="redtap-e2e-", dir="/tmp"))
        os.chown(path, uid, gid)
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def free_port():
    """A port of 127.0.0.1 and ::1 that nobody has bound and that this run has not handed out."""
    global _next_port
    for _ in PORTS:
        port, _next_port = _next_port, _next_port + 1
        if _next_port >= PORTS.stop:
            _next_port = PORTS.start
        try:
            for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
                with socket.socket(family, socket.SOCK_STREAM) as s:
                    s.bind((host, port))
            return port
        except OSError:
            continue
    raise RuntimeError("no free port")


def _start_time(pid):
    """Field 22 of /proc/PID/stat: tells a process from a later one of the same number."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]


class Proc:
    """A process started by spawn(). `log` is the file its output goes to."""

    def __init__(self, popen, name, log):
        self.popen, self.name, self.log = popen, name, log
        self.pid = popen.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def running(self):
        return self.popen.poll() is None

    def output(self):
        return self.log.read_text(errors="replace")

    def tail(self, lines=15):
        return "\n".join(self.output().splitlines()[-lines:])

    def cpu_seconds(self):
        """User and system time of the process and its children, ended ones included."""
        ticks = 0
        for pid in [self.pid, *children(self.pid)]:
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            ticks += sum(map(int, fields[11 : 15 if pid == self.pid else 13]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def wait(self, timeout):
        return self.popen.wait(timeout)

    def await_end(self, timeout):
        """Waits for its end and leaves it to be reaped: /proc still has it."""

        def ended():
            options = os.WEXITED | os.WNOHANG | os.WNOWAIT
            return os.waitid(os.P_PID, self.pid, options) is not None

        until(ended, timeout, f"{self.name}'s end", every=0.01)

    def waited(self):
        """Seconds its first thread was ready to run and had no CPU."""
        try:
            return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[1]) / 1e9
        except (OSError, IndexError):
            return 0  # a kernel without CONFIG_SCHED_INFO

    def idle(self):
        """Whether neither it nor one of its children runs or wants to, or waits for a disk."""
        for pid in [self.pid, *children(self.pid)]:
            try:
                state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if state != "S":
                return False
        return True

    def stop(self, sig=signal.SIGTERM, timeout=10):
        """Ends it by `sig` to the process, SIGKILL to the group after `timeout`; the exit
        status.
        """
        if self.running():
            self.popen.send_signal(sig)
            try:
                self.popen.wait(timeout)
            except subprocess.TimeoutExpired:
                pass
        self.kill()
        return self.popen.returncode

    def kill(self):
        """Ends what is left of the group at once."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        self.popen.wait()
        if self in _live:
            _live.remove(self)


def children(pid):
    """Direct children of a process."""
    found = []
    try:
        for tid in os.listdir(f"/proc/{pid}/task"):
            found += map(int, Path(f"/proc/{pid}/task/{tid}/children").read_text().split())
    except OSError:
        pass
    return found


def _in_child(cpus):
    def prepare():
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if cpus:
            os.sched_setaffinity(0, cpus)

    return prepare


def spawn(
    argv, name=None, env=None, cwd=None, user=None, cpus=None, stdin=subprocess.DEVNULL, stdout=None
):
    """Starts argv in its own session. `env` is added to ours. From the main thread only: the child
    dies with the thread that started it."""
    argv = [str(a) for a in argv]
    name = name or Path(argv[0]).name
    number = 0
    while (log := run_dir() / f"{name}{f'.{number}' if number else ''}.log").exists():
        number += 1
    if user:
        # a change of user clears the death signal, so setpriv has to set it again
        argv = [
            "setpriv",
            f"--reuid={user}",
            f"--regid={user}",
            "--init-groups",
            "--pdeathsig",
            "KILL",
            "--",
            *argv,
        ]
    with open(log, "wb") as sink:
        popen = subprocess.Popen(
            argv,
            stdin=stdin,
            stdout=stdout or sink,
            stderr=sink,
            cwd=cwd or run_dir(),
            env={**os.environ, **(env or {})},
            start_new_session=True,
            preexec_fn=_in_child(cpus),
        )
    proc = Proc(popen, name, log)
    _live.append(proc)
    with open(run_dir() / "pids", "a") as book:
        book.write(f"{popen.pid} {_start_time(popen.pid)}\n")
    return proc


def run(argv, env=None, timeout=120, status=0, cwd=None, user=None, cpus=None, stdin=""):
    """Runs argv to its end and returns its standard output; CommandFailed when the exit status is
    another than `status` (None: any)."""
    proc = spawn(
        argv, env=env, cwd=cwd, user=user, cpus=cpus, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        out, _ = proc.popen.communicate(
            stdin.encode() if isinstance(stdin, str) else stdin, timeout
        )
    except subprocess.TimeoutExpired:
        raise CommandFailed(f"{proc.name}: not done after {timeout} s\n{proc.tail()}") from None
    finally:
        proc.kill()
    out = out.decode(errors="replace")
    if status is not None and proc.popen.returncode != status:
        raise CommandFailed(
            f"{' '.join(map(str, argv))}: exit {proc.popen.returncode}\n"
            f"{out[-2000:]}\n{proc.tail()}"
        )
    return out


def until(condition, timeout, what, every=0.05):
    """Polls condition() until it is true and returns what it gave; TimeoutError names `what`."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {timeout} s")
        time.sleep(every)


def listening(port, host="127.0.0.1"):
    """Whether somebody accepts on the port. The probe connects and closes, it says nothing."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def await_port(proc, port, timeout=30):
    def up():
        if not proc.running():
            raise CommandFailed(f"{proc.name} ended at its start\n{proc.tail()}")
        return listening(port)

    until(up, timeout, f"{proc.name} on port {port}")


def have(*tools):
    """The tools that are missing, as a text for skip(); "" when all are there."""
    missing = [t for t in tools if not shutil.which(t)]
    return f"{', '.join(missing)} not installed" if missing else ""


@contextlib.contextmanager
def steady():
    """Real-time scheduling of this process where the host allows it, so that it does not wait for a
    CPU between a call and its clock. What it spawns is not.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(20))
    except OSError:
        yield
        return
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def stop_all():
    for proc in reversed(_live[:]):
        proc.stop(timeout=5)
    if _run_dir:
        (_run_dir / "pids").unlink(missing_ok=True)


def _on_signal(number, _frame):
    sys.exit(128 + number)


def reap(directory):
    """Ends the groups that a harness which was killed has left behind."""
    book = Path(directory) / "pids"
    if not book.exists():
        return
    for line in book.read_text().splitlines():
        pid, start = line.split()
        now = _start_time(pid)
        # a dead leader's number is not given away while its group lives
        if now in (None, start):
            try:
                os.killpg(int(pid), signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
    book.unlink()


if __name__ == "__main__" and sys.argv[1:2] == ["--reap"]:
    reap(sys.argv[2])
else:
    atexit.register(stop_all)
    for _sig in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(_sig, _on_signal)
