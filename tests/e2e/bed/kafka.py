# SPDX-License-Identifier: GPL-2.0-or-later
"""One node of Apache Kafka (KRaft) and its tools, from Maven Central's jars. Its ledger: the
offsets of the broker.
"""

import functools
import itertools
import re
import shutil
import subprocess
from pathlib import Path

from . import procs, tap

VERSION = "4.1.0"
HOME = procs.CACHE / f"kafka-{VERSION}"

_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>redtap.test</groupId>
  <artifactId>kafka-bed</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{v}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>{v}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"""

_SERVER = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={dir}/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.num.partitions=3
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.segment.delete.delay.ms=1000
"""


@functools.cache
def _install():
    """(directory of the jars, None), or (None, why not)."""
    if why := procs.have("java"):
        return None, why
    libs = HOME / "libs"
    if (HOME / "libs.ok").exists():
        return libs, None
    if why := procs.have("mvn"):
        return None, why
    HOME.mkdir(parents=True, exist_ok=True)
    (HOME / "pom.xml").write_text(_POM.format(v=VERSION))
    shutil.rmtree(libs, ignore_errors=True)
    log = HOME / "mvn.log"
    argv = ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={libs}"]
    with open(log, "wb") as sink:
        try:
            r = subprocess.run(
                argv, cwd=HOME, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, timeout=400
            ).returncode
        except (OSError, subprocess.TimeoutExpired) as e:
            r = e
    if r or not (libs / f"kafka-clients-{VERSION}.jar").exists():
        errors = [x for x in log.read_text().splitlines() if "ERROR" in x] or [str(r)]
        return None, f"Kafka's jars could not be had from Maven Central: {errors[0][:150]}"
    (HOME / "libs.ok").touch()
    return libs, None


def libs():
    path, why = _install()
    if not path:
        tap.skip(why)
    return path


def java(cls, *args, heap="256m"):
    """The command line of a class of Kafka's."""
    return [
        "java",
        f"-Xmx{heap}",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-cp",
        f"{libs()}/*",
        cls,
        *map(str, args),
    ]


class Kafka:
    def __init__(self, cpus=None, config=""):
        """`config`: further lines of server.properties; {port} is the listener's port."""
        libs()
        number = next(_homes)
        self.dir = procs.run_dir() / f"kafka{number}"
        self.dir.mkdir()
        self.port, controller = procs.free_port(), procs.free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.config = self.dir / "server.properties"
        names = {"port": self.port, "controller": controller, "dir": self.dir}
        self.config.write_text((_SERVER + config).format(**names))
        cluster = procs.run(java("kafka.tools.StorageTool", "random-uuid")).strip().splitlines()[-1]
        procs.run(java("kafka.tools.StorageTool", "format", "-t", cluster, "-c", self.config))
        self.cpus = cpus
        self.start()

    def start(self):
        """Starts the broker, or starts it again after stop_broker()."""
        self.proc = procs.spawn(
            java("kafka.Kafka", self.config, heap="512m"),
            name="kafka",
            cwd=self.dir,
            cpus=self.cpus,
        )
        procs.await_port(self.proc, self.port, timeout=60)
        procs.until(self._ready, 60, "Kafka answers", every=0.5)

    def stop_broker(self, **how):
        self.proc.stop(timeout=20, **how)

    def _ready(self):
        try:
            procs.run(["kcat", "-b", self.bootstrap, "-L", "-m", "3"])
            return True
        except procs.CommandFailed:
            return False

    def stop(self):
        self.proc.stop(timeout=20)
        shutil.rmtree(self.dir / "data", ignore_errors=True)

    def create(self, *topics):
        """Makes topics, each (name, partitions)."""
        for name, partitions in topics:
            procs.run(
                java(
                    "org.apache.kafka.tools.TopicCommand",
                    "--bootstrap-server",
                    self.bootstrap,
                    "--create",
                    "--topic",
                    name,
                    "--partitions",
                    partitions,
                    "--replication-factor",
                    1,
                ),
                env={"OTEL_SERVICE_NAME": "ledger"},
            )

    def offsets(self, prefix=""):
        """{topic: records} by the broker's end offsets; nothing here is ever deleted or
        transactional.
        """
        ends = {}
        out = procs.run(
            java(
                "org.apache.kafka.tools.GetOffsetShell",
                "--bootstrap-server",
                self.bootstrap,
                "--time",
                -1,
                "--exclude-internal-topics",
            ),
            env={"OTEL_SERVICE_NAME": "ledger"},
        )
        for topic, offset in re.findall(r"^(\S+):\d+:(\d+)$", out, re.M):
            if topic.startswith(prefix):
                ends[topic] = ends.get(topic, 0) + int(offset)
        return ends

    def lags(self, groups):
        """{(group, topic, partition): lag} as ConsumerGroupCommand --describe says; a partition
        without a committed offset is left out.
        """
        found = {}
        for group in groups:
            out = procs.run(
                java(
                    "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
                    "--bootstrap-server",
                    self.bootstrap,
                    "--describe",
                    "--group",
                    group,
                ),
                env={"OTEL_SERVICE_NAME": "ledger"},
            )
            for topic, partition, lag in re.findall(
                rf"^{group}\s+(\S+)\s+(\d+)\s+\d+\s+\d+\s+(\d+)\s", out, re.M
            ):
                found[group, topic, partition] = int(lag)
        return found

    def steps(self, service, *props, java_options=()):
        """A Java client that is told what to do, step by step."""
        return Steps(self, service, props, java_options)

    def log_bytes(self, topic):
        """Bytes of the topic's record batches as the broker stored them, which is as they came."""
        return sum(f.stat().st_size for f in (self.dir / "data").glob(f"{topic}-[0-9]*/*.log"))

    # -- loads

    def produce_java(self, topic, records, size=100, throughput=-1, props=(), service=None, **how):
        """Kafka's ProducerPerformance; the number of records it says it sent."""
        out = procs.run(
            java(
                "org.apache.kafka.tools.ProducerPerformance",
                "--topic",
                topic,
                "--num-records",
                records,
                "--record-size",
                size,
                "--throughput",
                throughput,
                "--producer-props",
                f"bootstrap.servers={self.bootstrap}",
                *props,
            ),
            env=_named(service),
            **how,
        )
        return int(re.findall(r"^(\d+) records sent, [\d.]+ records/sec", out, re.M)[-1]), float(
            re.findall(r"records sent, ([\d.]+) records/sec", out)[-1]
        )

    def consume_java(self, topic, records, group, props=(), service=None, timeout_ms=10000, **how):
        """Kafka's ConsumerPerformance; (records it says it consumed, records per second). It
        reads on to the end of its last poll, so give it all there is.
        """
        config = self.dir / f"consumer-{group}.properties"
        config.write_text("\n".join(props) + "\n")
        out = procs.run(
            java(
                "org.apache.kafka.tools.ConsumerPerformance",
                "--topic",
                topic,
                "--messages",
                records,
                "--bootstrap-server",
                self.bootstrap,
                "--group",
                group,
                "--timeout",
                timeout_ms,
                "--consumer.config",
                config,
                "--hide-header",
            ),
            env=_named(service),
            **how,
        )
        fields = [f.strip() for f in out.strip().splitlines()[-1].split(",")]
        return int(fields[4]), float(fields[5])

    def produce_kcat(self, topic, records, size=100, options=(), service=None):
        """librdkafka's kcat: one record a line."""
        if why := procs.have("kcat"):
            tap.skip(why)
        data = "".join(f"{n:08d}{'k' * (size - 8)}\n" for n in range(records))
        procs.run(
            ["kcat", "-b", self.bootstrap, "-P", "-t", topic, *options],
            stdin=data,
            env=_named(service),
        )
        return records

    def consume_kcat(self, topic, service=None, options=()):
        """All records there are, by kcat to the end of every partition; their number."""
        out = procs.run(
            ["kcat", "-b", self.bootstrap, "-C", "-q", "-e", "-f", ".\\n", "-t", topic, *options],
            env=_named(service),
        )
        return out.count(".")


class Steps:
    """clients/KafkaSteps.java: do("poll 10 5000") returns what the step answered."""

    def __init__(self, kafka, service, props, java_options):
        argv = java(_steps_class(), f"bootstrap.servers={kafka.bootstrap}", *props)
        argv[argv.index("-cp") + 1] += f":{procs.run_dir()}"
        argv[1:1] = java_options
        self.proc = procs.spawn(
            argv,
            name=service,
            env=_named(service),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def do(self, *steps):
        """Does the steps in turn; the last one's answer, a number when it is one."""
        answer = ""
        for step in steps:
            self.begin(step)
            answer = self.end(step)
        return answer

    def begin(self, step):
        self.proc.popen.stdin.write(f"{step}\n".encode())
        self.proc.popen.stdin.flush()

    def end(self, step):
        said = self.proc.popen.stdout.readline().decode().rstrip("\n")
        if step == "die":
            self.proc.wait(10)
            return ""
        if not said.startswith("ok"):
            raise procs.CommandFailed(f"{step}: {said or 'no answer'}\n{self.proc.tail()}")
        return int(said[3:]) if said[3:].isdigit() else said[3:]

    def close(self):
        """The client says goodbye, as a program that ends well does."""
        self.do("close")
        self.proc.stop()


@functools.cache
def _steps_class():
    if why := procs.have("javac"):
        tap.skip(why)
    source = Path(__file__).resolve().parents[1] / "clients" / "KafkaSteps.java"
    procs.run(["javac", "-cp", f"{libs()}/*", "-d", procs.run_dir(), source])
    return "KafkaSteps"


def _named(service):
    return {"OTEL_SERVICE_NAME": service} if service else None


_homes = itertools.count()
