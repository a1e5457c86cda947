# SPDX-License-Identifier: GPL-2.0-or-later
"""The client programs of the Kafka matrix (tests/matrix/kafka) and the broker's books they are
compared with. Every client's function gives (command line, "") or (None, why not).
"""

import json
import subprocess
import sys

from . import kafka, procs, toolchain

SOURCES = toolchain.SOURCES / "kafka"
JARS = (
    f"org.apache.kafka:kafka-clients:{kafka.VERSION}",
    "com.fasterxml.jackson.core:jackson-databind:2.16.2",
    "org.slf4j:slf4j-simple:1.7.36",
)
_JVM = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
_QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"


def _java(main):
    path, why = toolchain.java("kafka/java", JARS)
    return (["java", *_JVM, _QUIET, "-cp", path, main], "") if path else (None, why)


def _python(script):
    path, why = toolchain.python("kafka/python/requirements.txt")
    return ([path, SOURCES / "python" / script], "") if path else (None, why)


def _go(package):
    path, why = toolchain.go("kafka/go", package)
    return ([path], "") if path else (None, why)


def java():
    return _java("MatrixClient")


def librdkafka():
    return _python("librdkafka.py")


def aiokafka():
    return _python("asynchronous.py")


def kafka_python():
    return _python("kafkapython.py")


def kcat():
    why = procs.have("kcat")
    return (None, why) if why else ([sys.executable, SOURCES / "python" / "kcat.py"], "")


def franz_go():
    return _go("franz")


def sarama():
    return _go("sarama")


def kafka_go():
    return _go("segmentio")


def kafkajs():
    home, why = toolchain.npm("kafka/node")
    return (["node", home / "kafkajs.js"], "") if home else (None, why)


class Books:
    """What the broker has: `create`, `log`, `lag` and `requests` of java/Ledger.java."""

    def __init__(self, broker):
        argv, why = _java("Ledger")
        self.why = why
        if why:
            return
        self.proc = procs.spawn(
            [*argv, broker.bootstrap, broker.dir / "data", broker.proc.pid],
            name="ledger",
            env={"OTEL_SERVICE_NAME": "ledger"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def ask(self, *words):
        pipe = self.proc.popen
        pipe.stdin.write((" ".join(map(str, words)) + "\n").encode())
        pipe.stdin.flush()
        line = pipe.stdout.readline()
        if not line:
            raise procs.CommandFailed(f"the ledger ended\n{self.proc.tail()}")
        return json.loads(line)
