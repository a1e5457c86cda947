#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line: what it prints, how it ends, and the errors people will meet."""

import functools
import os
import re
import shutil
import signal
import socket
import subprocess

from bed import load, procs, tap
from bed.nginx import Nginx
from bed.redtap import BINARY, Redtap, lock_file, programs


@functools.cache
def nginx():
    return Nginx()


def redtap(*args, binary=BINARY, prefix=(), timeout=60):
    """Runs it to its end: (status, stdout, stderr)."""
    r = subprocess.run(
        [*map(str, prefix), str(binary), *map(str, args)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=procs.run_dir(),
    )
    return r.returncode, r.stdout, r.stderr


def refused(said, *words):
    """One clear sentence on standard error, that has the words."""
    lines = [x for x in said.splitlines() if x.strip()]
    tap.check(1 <= len(lines) <= 2, f"one sentence: {said!r}")
    for word in words:
        tap.check(re.search(word, said, re.I), f"it says {word}: {said!r}")


@tap.test()
def test_version_and_help():
    status, out, err = redtap("--version")
    tap.equal((status, err), (0, ""), "--version")
    tap.check(re.fullmatch(r"redtap \d+\.\d+\.\d+\S*\n", out), f"--version says {out!r}")
    status, out, err = redtap("--help")
    tap.equal((status, err), (0, ""), "--help")
    for word in (
        "run",
        "check",
        "--listen",
        "--config",
        "--capture",
        "--select",
        "--log-level",
        "--version",
        "--help",
        "127.0.0.1:9464",
    ):
        tap.check(word in out, f"--help names {word}")


@tap.test()
def test_bad_command_line():
    for args in (
        ["--nonsense"],
        ["nonsense"],
        ["--listen", "nowhere"],
        ["--listen", "127.0.0.1:99999"],
        ["--capture=magic"],
        ["--log-level=loud"],
        ["--select", "colour=red"],
        ["--config"],
    ):
        status, _, err = redtap(*args)
        tap.equal(status, 2, f"{args}: exit status")
        tap.check(err.strip(), f"{args}: says why")


@tap.test()
def test_bad_configuration():
    path = procs.run_dir() / "bad.yaml"
    for text, line, words in (
        ("listen: 127.0.0.1:0x\n", 1, ["listen"]),
        ("# a comment\n\nlisten: 127.0.0.1:9464\ncolour: red\n", 4, ["colour"]),
        ("log_level: info\ncapture: magic\n", 2, ["capture", "auto"]),
        ("listen: [1, 2]\n", 1, ["listen"]),
        ("select:\n  - exe: /bin/x\n  - shape: round\n", 3, ["shape"]),
        ("listen: 'x\n", None, []),
    ):
        path.write_text(text)
        status, _, err = redtap("run", "--config", path)
        tap.equal(status, 2, f"{text!r}: exit status")
        tap.check(
            re.search(rf"{re.escape(str(path))}:{line or r'[0-9]+'}\b", err),
            f"{text!r}: file and line: {err!r}",
        )
        for word in words:
            tap.check(word in err, f"{text!r}: names {word}: {err!r}")
    status, _, err = redtap("run", "--config", "/nonexistent/redtap.yaml")
    tap.equal(status, 2, "no such file")
    tap.check("/nonexistent/redtap.yaml" in err, f"names it: {err!r}")


@tap.test()
def test_not_root():
    tap.unless_root()
    home = procs.open_to("nobody")
    binary = shutil.copy(BINARY, home)
    prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]
    status, _, err = redtap(
        "run", "--listen", f"127.0.0.1:{procs.free_port()}", binary=binary, prefix=prefix
    )
    tap.check(status not in (0, 2) and status > 0, f"exit status {status}")
    refused(err, "root")
    tap.equal(redtap("--version", binary=binary, prefix=prefix)[0], 0, "--version needs no root")
    status, out, err = redtap("check", binary=binary, prefix=prefix)
    tap.equal(status, 1, "check tells that it would not run")
    tap.check(re.search("root|capabilit", out + err, re.I), f"and why: {out}{err}")


@tap.test()
def test_port_in_use():
    tap.unless_root()
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        before = set(programs())
        status, _, err = redtap("run", "--listen", f"127.0.0.1:{port}", "--lock-file", lock_file())
        tap.check(status > 0 and status != 2, f"exit status {status}")
        refused(err, str(port), "in use")

        def attached():
            now = programs()
            return {k for k in set(now) - before if now[k].startswith("rt_")}

        procs.until(lambda: not attached(), 15, "nothing stays attached")


@tap.test()
def test_second_instance():
    tap.unless_root()
    with Redtap() as r:
        status, _, err = redtap(
            "run", "--listen", f"127.0.0.1:{procs.free_port()}", "--lock-file", lock_file()
        )
        tap.check(status > 0 and status != 2, f"exit status {status}")
        refused(err, "another redtap", str(r.proc.pid))
        tap.equal(r.get("/readyz")[0], 200, "the first goes on")


@tap.test()
def test_check():
    tap.unless_root()
    status, out, err = redtap("check")
    tap.equal((status, err), (0, ""), "check")
    for word in (os.uname().release, "BTF", "CAP_BPF", "CAP_PERFMON", "capture: socket"):
        tap.check(word.lower() in out.lower(), f"check says {word}: {out}")


@tap.test()
def test_says_where_the_metrics_are():
    tap.unless_root()
    with Redtap() as r:
        procs.until(
            lambda: f"http://127.0.0.1:{r.port}/metrics" in r.proc.output(), 15, "the URL is printed"
        )


@tap.test(capture=["auto", "socket", "syscall"])
def test_capture(capture):
    tap.unless_root()
    with Redtap(capture) as r:
        ((labels, value),) = r.scrape().series("redtap_build_info")
        tap.equal(
            (labels["capture"], value),
            ("socket" if capture == "auto" else capture, 1),
            "build info",
        )


@tap.test(sig=["SIGTERM", "SIGINT"])
def test_stop_under_load(sig):
    """Exit status 0 within a second, and nothing stays attached: that is what stop() checks."""
    tap.unless_root()
    with procs.spawn(load.wrk_argv(nginx().url(), 120, connections=50)) as wrk:
        r = Redtap()
        r.await_total(10000, "http_requests_total", service="nginx")
        r.stop(getattr(signal, sig))
        tap.check(wrk.running(), "the load goes on")


@tap.test()
def test_sigkill():
    tap.unless_root()
    server = nginx()
    with procs.spawn(load.wrk_argv(server.url(), 120, connections=10)) as wrk:
        r = Redtap()
        r.await_total(1000, "http_requests_total", service="nginx")
        r.hold()
        tap.require(r.held, "programs are attached")
        r.proc.kill()
        tap.check(r.gone(), "nothing stays attached")
        tap.check(wrk.running(), "the load goes on")
    with Redtap() as again:
        load.ab(server.url(), 100, 5)
        again.await_total(100, "http_requests_total", service="nginx", endpoint="/tiny.txt")


@tap.test()
def test_sighup():
    """A route of the file appears after SIGHUP, and series expire as it says; a broken file changes
    nothing and does not end it.
    """
    tap.unless_root()
    server = nginx()
    with Redtap(config="log_level: info\n") as r:
        path = procs.run_dir() / f"redtap.{r.port}.yaml"
        load.ab(server.url("/u/alice/x"), 10, 1)
        r.await_total(10, "http_requests_total", service="nginx", endpoint="/u/alice/x")
        path.write_text("log_level: info\nroutes:\n  - /u/{name}/x\n")
        r.proc.popen.send_signal(signal.SIGHUP)
        procs.until(lambda: "routes changed" in r.proc.output(), 15, "the file was read again")
        load.ab(server.url("/u/bob/x"), 10, 1)
        r.await_total(10, "http_requests_total", service="nginx", endpoint="/u/{name}/x")
        path.write_text("colour: red\n")
        r.proc.popen.send_signal(signal.SIGHUP)
        procs.until(lambda: f"{path}:1" in r.proc.output(), 15, "the bad file is named in the log")
        load.ab(server.url("/u/carol/x"), 10, 1)
        r.await_total(20, "http_requests_total", service="nginx", endpoint="/u/{name}/x")
        path.write_text("series_expire: 1s\n")
        r.proc.popen.send_signal(signal.SIGHUP)
        procs.until(lambda: not r.total("http_requests_total", service="nginx"), 15, "series have expired")


@tap.test()
def test_select():
    tap.unless_root()
    server = nginx()
    with Redtap(args=["--select", "exe=*/nginx"]) as r:
        load.ab(server.url(), 500, 5)
        r.expect(
            [
                ("nginx is seen", lambda p: p.total("http_requests_total", service="nginx"), 500),
                ("ab is not", lambda p: p.total("http_client_requests_total"), 0),
            ]
        )
    with Redtap(args=["--select", "!exe=*/nginx"]) as r:
        load.ab(server.url(), 500, 5)
        r.expect(
            [
                ("nginx is not seen", lambda p: p.total("http_requests_total", service="nginx"), 0),
                ("ab is", lambda p: p.total("http_client_requests_total", service="ab"), 500),
            ]
        )


tap.main()
