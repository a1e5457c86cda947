# SPDX-License-Identifier: GPL-2.0-or-later
"""PostgreSQL with a private data directory. Its ledgers: pg_stat_statements for what succeeded, its
log for what failed.

Clients under test work as role `app`; the ledger is read as role `postgres` in database
`postgres`, so that neither is in the other's numbers.
"""

import collections
import functools
import glob
import re
import time

from . import procs, tap

_CONFIG = """
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 200
shared_buffers = 64MB
autovacuum = off
shared_preload_libraries = 'pg_stat_statements'
pg_stat_statements.track = top
pg_stat_statements.max = 20000
log_line_prefix = '%e|%u|%d|'
log_error_verbosity = terse
log_statement = none
lc_messages = 'C'
"""
_LOGGED = re.compile(r"^([0-9A-Z]{5})\|([^|]*)\|([^|]*)\|(ERROR|FATAL|PANIC): ", re.M)

# By the first word of the statement, the first word of its command tag, in redtap's spelling.
_TAG = {
    "end": "commit",
    "abort": "rollback",
    "with": "select",
    "table": "select",
    "values": "select",
    "start": "begin",
}


class Call(collections.namedtuple("Call", "text calls rows")):
    """One row of pg_stat_statements."""

    @property
    def query_type(self):
        text = self.text
        if m := re.match(r"PREPARE .*? AS (.*)", text, re.I):
            text = m[1]  # an EXECUTE is booked under the text that was prepared
        if re.match(r"CREATE TABLE \w+ AS ", text, re.I):
            return "select"
        word = re.match(r"\W*(\w+)", text)[1].lower()
        return _TAG.get(word, word)


@functools.cache
def bindir():
    found = sorted(
        glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda p: int(p.split("/")[4])
    )
    if not found:
        tap.skip("postgresql not installed")
    return found[-1].removesuffix("/initdb")


class Postgres:
    def __init__(self, config="", cpus=None):
        self.bin = bindir()
        tap.unless_root()
        self.dir = procs.open_to("postgres")
        self.data = self.dir / "data"
        self.port = procs.free_port()
        procs.run(
            [
                f"{self.bin}/initdb",
                "-D",
                self.data,
                "-A",
                "trust",
                "-N",
                "-E",
                "UTF8",
                "--locale=C",
            ],
            user="postgres",
            cwd=self.dir,
        )
        with open(self.data / "postgresql.conf", "a") as f:
            f.write(_CONFIG + config)
        self.proc = procs.spawn(
            [f"{self.bin}/postgres", "-D", self.data, "-p", self.port, "-k", self.dir],
            user="postgres",
            cwd=self.dir,
            cpus=cpus,
        )
        procs.await_port(self.proc, self.port)
        procs.until(lambda: self._up(), 60, "PostgreSQL accepts")
        self.ask("CREATE EXTENSION pg_stat_statements; CREATE ROLE app LOGIN SUPERUSER;")

    def _up(self):
        try:
            return self.ask("SELECT 1") == [["1"]]
        except procs.CommandFailed:
            return False

    def stop(self):
        import signal

        self.proc.stop(signal.SIGINT)

    def env(self, db, user="app", host="127.0.0.1"):
        return {
            "PGHOST": str(host),
            "PGPORT": str(self.port),
            "PGUSER": user,
            "PGDATABASE": db,
            "PGSSLMODE": "disable",
            "PGGSSENCMODE": "disable",
            "PGCONNECT_TIMEOUT": "10",
        }

    def dsn(self, db, user="app"):
        return f"postgresql://{user}@127.0.0.1:{self.port}/{db}?sslmode=disable"

    def ask(self, sql, db="postgres", user="postgres"):
        """Rows of text, asked by the harness itself, outside of every ledger."""
        out = procs.run(
            [f"{self.bin}/psql", "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1"],
            env=self.env(db, user),
            stdin=sql,
        )
        return [line.split("\t") for line in out.splitlines()]

    def create(self, db):
        """A database of its own for a test."""
        self.ask(f"CREATE DATABASE {db} OWNER app")
        return db

    def psql(self, db, script, host="127.0.0.1", options=(), env=None):
        """A script by psql as `app`, each statement on its own; errors do not stop it."""
        return procs.run(
            [f"{self.bin}/psql", "-Xq", *options],
            stdin=script,
            env={**self.env(db, host=host), **(env or {})},
            cwd=self.dir,
        )

    def pgbench(self, db, *args, env=None, cpus=None, timeout=120):
        """(transactions done, transactions per second) as pgbench says them."""
        out = procs.run(
            [f"{self.bin}/pgbench", *args],
            env={**self.env(db), **(env or {})},
            cwd=self.dir,
            timeout=timeout,
            cpus=cpus,
        )
        done = re.search(r"transactions actually processed: (\d+)", out)
        rate = re.search(r"tps = ([\d.]+)", out)
        return (int(done[1]), float(rate[1])) if done else (0, 0.0)

    # -- ledgers

    def calls(self, db, user="app"):
        """[Call]: what succeeded in the database for the role, by statement."""
        rows = self.ask(
            "SELECT regexp_replace(query, E'[\\\\n\\\\t]+', ' ', 'g'), calls, rows "
            "FROM pg_stat_statements s "
            "JOIN pg_database d ON d.oid = s.dbid JOIN pg_roles r ON r.oid = s.userid "
            f"WHERE datname = '{db}' AND rolname = '{user}'"
        )
        return [Call(text, int(calls), int(n)) for text, calls, n in rows]

    def mark(self):
        return len(self.proc.output())

    def errors(self, db, mark=0, user="app"):
        """Counter of SQLSTATE: what the server's log says failed."""
        time.sleep(0.2)
        found = _LOGGED.findall(self.proc.output()[mark:])
        return collections.Counter(state for state, u, d, _ in found if (u, d) == (user, db))


def counts(calls):
    """({query_type: calls}, {query_type: rows} without zeros) of pg_stat_statements' rows."""
    n, rows = collections.Counter(), collections.Counter()
    for call in calls:
        n[call.query_type] += call.calls
        if call.rows:
            rows[call.query_type] += call.rows
    return n, rows
