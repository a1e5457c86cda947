# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds the client programs of tests/matrix, each once under build/cache, by the language's own
package tool. A tool that is missing, a registry that cannot be reached or a build that takes too
long is a reason, never an error: every function gives (path, "") or (None, why not).
"""

import fcntl
import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time

from . import procs

LIMIT_SECONDS = 240  # of one step of a build: CI begins with an empty cache
BUDGET_SECONDS = 450  # of all steps of one test program, which run.sh ends after twice that
SOURCES = procs.ROOT / "tests" / "matrix"

_spent = 0.0

_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>redtap.test</groupId><artifactId>matrix</artifactId><version>1</version>
  <dependencies>{dependencies}</dependencies>
</project>
"""
_DEPENDENCY = (
    "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"
)


def _files(source):
    if source.is_file():
        return [source]
    return sorted(f for f in source.rglob("*") if f.is_file() and "__pycache__" not in f.parts)


def _step(argv, home, env):
    """Runs one step in `home`; why it failed, or ""."""
    global _spent
    log, begin = home / "build.log", time.monotonic()
    limit = min(LIMIT_SECONDS, BUDGET_SECONDS - _spent)
    if limit <= 0:
        return f"not built: other builds took {_spent:.0f} s"
    with open(log, "ab") as sink:
        status = subprocess.run(
            # timeout(1) ends the compilers it has started, too
            ["timeout", "--kill-after=5", f"{limit:.0f}", *map(str, argv)],
            cwd=home,
            env={**os.environ, **dict(env)},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
        ).returncode
    _spent += time.monotonic() - begin
    if not status:
        return ""
    if status == 124:
        return f"{argv[0]}: not done after {limit:.0f} s"
    said = [x for x in log.read_text(errors="replace").splitlines() if x.strip()]
    bad = [x for x in said if re.search(r"^\S*\s*error\b", x, re.I)] or said[-1:]
    return f"{argv[0]}: {bad[0].strip()[:150] if bad else f'exit status {status}'}"


@functools.cache
def _build(kind, source, tools, steps, env, extra=""):
    """Copies `source` (a path below SOURCES) to a directory of the cache that is named by what is
    in it, runs the steps there once, and gives that directory.
    """
    if why := procs.have(*tools):
        return None, why
    source = SOURCES / source
    digest = hashlib.sha256(repr((steps, env, extra)).encode())
    for f in _files(source):
        digest.update(f.name.encode() + b"\0" + f.read_bytes())
    home = procs.CACHE / "matrix" / f"{source.stem}-{kind}-{digest.hexdigest()[:12]}"
    home.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{home}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several checkouts may share the cache
        if (home / "built").exists():
            return home, ""
        shutil.rmtree(home, ignore_errors=True)
        if source.is_dir():
            shutil.copytree(source, home, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            home.mkdir()
            shutil.copy(source, home)
        if extra:
            (home / "pom.xml").write_text(extra)
        for step in steps:
            if why := _step(step, home, env):
                return None, why
        (home / "built").touch()
    return home, ""


def _in(result, name):
    home, why = result
    return (home / name, "") if home else (None, why)


def go(source, package):
    """A Go program: package `package` of the module in `source`."""
    env = (("GOFLAGS", "-p=2"), ("CGO_ENABLED", "0"))
    steps = (("go", "build", "-o", f"bin/{package}", f"./{package}"),)
    return _in(_build(package, source, ("go",), steps, env), f"bin/{package}")


def cargo(source, program):
    """A Rust program: binary target `program` of the crate in `source`, whose lock file holds."""
    steps = (("cargo", "build", "--locked", "-q", "-j2", "--bin", program),)
    env = (("CARGO_TARGET_DIR", str(procs.CACHE / "matrix" / "target")),)
    keep = (("cp", procs.CACHE / "matrix" / "target" / "debug" / program, "."),)
    return _in(_build(program, source, ("cargo",), steps + keep, env), program)


def npm(source):
    """The directory of a Node package with its node_modules, as its lock file says."""
    steps = (("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"),)
    return _build("npm", source, ("node", "npm"), steps, ())


def java(source, artifacts):
    """The class path of the Java files in `source` compiled with `artifacts`, each
    "group:artifact:version" of Maven Central.
    """
    pom = _POM.format(
        dependencies="".join(_DEPENDENCY.format(*a.split(":")) for a in artifacts)
    )
    files = [f.name for f in _files(SOURCES / source) if f.suffix == ".java"]
    steps = (
        ("mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=libs"),
        ("javac", "-cp", "libs/*", "-d", "classes", *files),
    )
    home, why = _build("java", source, ("javac", "mvn", "java"), steps, (), pom)
    return (f"{home}/classes:{home}/libs/*", "") if home else (None, why)


def python(requirements):
    """The interpreter of an environment with what a requirements file (below SOURCES) pins."""
    steps = (
        (sys.executable, "-m", "venv", "venv"),
        ("venv/bin/pip", "install", "-q", "-r", requirements.rpartition("/")[2]),
    )
    return _in(_build("venv", requirements, (), steps, ()), "venv/bin/python")


def c(source, package):
    """A C program with the library `package` of pkg-config."""
    if why := procs.have("cc", "pkg-config"):
        return None, why
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", package], capture_output=True, text=True
    )
    if flags.returncode:
        return None, f"{package}'s headers not installed"
    name = source.rpartition("/")[2].removesuffix(".c")
    step = ("cc", "-Wall", "-Wextra", "-Werror", "-o", name, f"{name}.c", *flags.stdout.split())
    return _in(_build("c", source, ("cc",), (step,), ()), name)


def locked(lock_file, crate):
    """The version of a crate in a Cargo.lock below SOURCES."""
    text = (SOURCES / lock_file).read_text()
    return re.search(rf'^name = "{re.escape(crate)}"\nversion = "([^"]+)"', text, re.M)[1]
