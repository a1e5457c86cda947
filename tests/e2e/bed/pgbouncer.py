# SPDX-License-Identifier: GPL-2.0-or-later
"""PgBouncer in front of a PostgreSQL of the bed, everybody trusted."""

import re

from . import procs, tap

_CONFIG = """
[databases]
* = host=127.0.0.1 port={back}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {dir}/users
pool_mode = {mode}
default_pool_size = {size}
ignore_startup_parameters = extra_float_digits
{options}
"""


class Pgbouncer:
    def __init__(self, postgres, mode="transaction", size=4, options=""):
        if why := procs.have("pgbouncer"):
            tap.skip(why)
        home = procs.open_to("postgres")
        self.port = procs.free_port()
        (home / "users").write_text('"app" ""\n')
        config = home / "pgbouncer.ini"
        config.write_text(
            _CONFIG.format(
                back=postgres.port,
                port=self.port,
                dir=home,
                mode=mode,
                size=size,
                options=options,
            )
        )
        self.proc = procs.spawn(["pgbouncer", config], user="postgres", cwd=home)
        procs.await_port(self.proc, self.port)

    def stop(self):
        self.proc.stop()


def version():
    """(1, 21, 0), or () when it is not there."""
    if procs.have("pgbouncer"):
        return ()
    found = re.search(r"PgBouncer ([\d.]+)", procs.run(["pgbouncer", "--version"]))
    return tuple(map(int, found[1].split(".")))
