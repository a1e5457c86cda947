// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "config/config.h"
#include "config/value.h"
#include "limits.h"
#include "test.h"

#define ARGS_MAX 16

static char said[8192]; /* by the last load() */
static char path[64];
static struct config conf;

/* The command line, words with one blank between; "FILE" is the file written before. */
static int load(const char *command)
{
	char *argv[ARGS_MAX + 1] = {(char *)"redtap"};
	FILE *err = fmemopen(said, sizeof(said), "w");
	char copy[4096], *save = NULL;
	int argc = 1, r;

	if (!err)
		abort();
	config_free(&conf);
	memset(&conf, 0, sizeof(conf));
	said[0] = '\0';
	snprintf(copy, sizeof(copy), "%s", command);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		argv[argc++] = strcmp(word, "FILE") ? word : path;
	r = config_load(argc, argv, &conf, err);
	fclose(err);
	return r;
}

static void write_file_bytes(const char *text, size_t n)
{
	FILE *file;
	int fd;

	if (!path[0]) {
		strcpy(path, "/tmp/redtap-config-XXXXXX");
		fd = mkstemp(path);
		if (fd < 0)
			abort();
		close(fd);
	}
	file = fopen(path, "w");
	if (!file || fwrite(text, 1, n, file) != n || fclose(file))
		abort();
}

static void write_file(const char *text)
{
	write_file_bytes(text, strlen(text));
}

static int load_text(const char *text)
{
	write_file(text);
	return load("--config FILE");
}

static void unset_all(void)
{
	unsetenv("REDTAP_LISTEN");
	unsetenv("REDTAP_LOG_LEVEL");
	unsetenv("REDTAP_SELECT");
	unsetenv("REDTAP_CONFIG");
	unsetenv("REDTAP_SERIES_MAX");
}

TEST(defaults)
{
	unset_all();
	REQUIRE(load("") == 0);
	CHECK_EQ(conf.command, CONFIG_RUN);
	CHECK(conf.file == NULL);
	CHECK_STR(conf.listen.address, "127.0.0.1");
	CHECK_EQ(conf.listen.port, 9464);
	CHECK_EQ(conf.capture, CONFIG_CAPTURE_AUTO);
	CHECK_EQ(conf.log_level, LOG_LEVEL_INFO);
	CHECK_EQ(conf.ring_bytes, RT_RING_TOTAL_BYTES);
	CHECK_EQ(conf.series_max, RT_SERIES_MAX);
	CHECK_EQ(conf.endpoints_max, RT_ENDPOINTS_MAX);
	CHECK_EQ(conf.names_max, RT_NAMES_MAX);
	CHECK_EQ(conf.processes_max, RT_PROCS_MAX);
	CHECK_EQ(conf.connections_max, RT_CONNS_MAX);
	CHECK_EQ(conf.http_pending_max, RT_HTTP_PENDING);
	CHECK_EQ(conf.postgres_pending_max, RT_PG_PENDING);
	CHECK_EQ(conf.postgres_statements_max, RT_PG_STATEMENTS);
	CHECK_EQ(conf.kafka_pending_max, RT_KAFKA_PENDING);
	CHECK_EQ(conf.kafka_topics_max, RT_TOPICS_MAX);
	CHECK_EQ(conf.kafka_partitions_max, RT_KAFKA_PARTS);
	CHECK_EQ(conf.series_expire_ns, 600000000000);
	CHECK_STR(conf.lock_file, "/run/redtap.lock");
	CHECK_EQ(conf.rules_count + conf.services_count + conf.routes_count + conf.peers_count, 0);
	CHECK_STR(said, "");
}

TEST(commands)
{
	CHECK(load("run") == 0 && conf.command == CONFIG_RUN);
	CHECK(load("check") == 0 && conf.command == CONFIG_CHECK);
	CHECK(load("--log-level debug check --capture=syscall") == 0);
	CHECK_EQ(conf.command, CONFIG_CHECK);
	CHECK_EQ(conf.capture, CONFIG_CAPTURE_SYSCALL);
	CHECK_EQ(conf.log_level, LOG_LEVEL_DEBUG);
	CHECK(load("--version") == 0 && conf.command == CONFIG_VERSION);
	CHECK(load("-V") == 0 && conf.command == CONFIG_VERSION);
	CHECK(load("check --help") == 0 && conf.command == CONFIG_HELP);
	CHECK(load("-h --nonsense") == 0 && conf.command == CONFIG_HELP);
	/* help works beside a broken file */
	write_file("nonsense: [");
	CHECK(load("--config FILE --help") == 0 && conf.command == CONFIG_HELP);
}

TEST(options_on_the_command_line)
{
	REQUIRE(load("--listen [::1]:9999 --ring-bytes=1MiB --series-max 1000 --endpoints-max=5 "
		     "--series-expire 1h30m --lock-file /tmp/x --capture socket") == 0);
	CHECK_STR(conf.listen.address, "::1");
	CHECK_EQ(conf.listen.port, 9999);
	CHECK_EQ(conf.ring_bytes, 1 << 20);
	CHECK_EQ(conf.series_max, 1000);
	CHECK_EQ(conf.endpoints_max, 5);
	CHECK_EQ(conf.series_expire_ns, 5400000000000);
	CHECK_STR(conf.lock_file, "/tmp/x");
	CHECK_EQ(conf.capture, CONFIG_CAPTURE_SOCKET);
	REQUIRE(load("--listen 1.2.3.4:1 --listen 0.0.0.0:0") == 0);
	CHECK_STR(conf.listen.address, "0.0.0.0");
	CHECK_EQ(conf.listen.port, 0);
}

TEST(limits_on_the_command_line)
{
	REQUIRE(load("--names-max 1000 --processes-max 16 --connections-max=17 --http-pending-max 1 "
		     "--postgres-pending-max 18 --postgres-statements-max 2 --kafka-pending-max 3 "
		     "--kafka-topics-max 4 --kafka-partitions-max 19") == 0);
	CHECK_EQ(conf.names_max, 1000);
	CHECK_EQ(conf.processes_max, 16);
	CHECK_EQ(conf.connections_max, 17);
	CHECK_EQ(conf.http_pending_max, 1);
	CHECK_EQ(conf.postgres_pending_max, 18);
	CHECK_EQ(conf.postgres_statements_max, 2);
	CHECK_EQ(conf.kafka_pending_max, 3);
	CHECK_EQ(conf.kafka_topics_max, 4);
	CHECK_EQ(conf.kafka_partitions_max, 19);
	CHECK(load("--kafka-topics-max 4097") != 0);
	CHECK(load("--connections-max 0") != 0);
}

TEST(mistakes_on_the_command_line)
{
	static const struct {
		const char *command, *message;
	} mistakes[] = {
		{"start", "redtap: unknown command \"start\", expected run or check\n"},
		{"run run", "redtap: unexpected argument \"run\", see redtap --help\n"},
		{"--lisen x", "redtap: unknown option \"--lisen\", see redtap --help\n"},
		{"--log_level info", "redtap: unknown option \"--log_level\", see redtap --help\n"},
		{"--services x", "redtap: unknown option \"--services\", see redtap --help\n"},
		{"-x", "redtap: unknown option \"-x\", see redtap --help\n"},
		{"--", "redtap: unknown option \"--\", see redtap --help\n"},
		{"--=x", "redtap: unknown option \"--=x\", see redtap --help\n"},
		{"--listen", "redtap: --listen needs a value: ADDR:PORT\n"},
		{"--config", "redtap: --config needs a value: FILE\n"},
		{"--listen 9464",
		 "redtap: --listen: \"9464\" is not valid, expected ADDR:PORT with "
		 "a numeric address, such as 127.0.0.1:9464 or [::1]:9464\n"},
		{"--capture=kprobe", "redtap: --capture: \"kprobe\" is not valid, expected one of "
				     "auto, socket, syscall\n"},
		{"--ring-bytes 1", "redtap: --ring-bytes: \"1\" is not valid, expected a size from "
				   "8KiB to 16MiB, such as 2MiB\n"},
		{"--series-max 1e3", "redtap: --series-max: \"1e3\" is not valid, expected a whole "
				     "number from 100 to 1000000\n"},
		{"--series-expire 10", "redtap: --series-expire: \"10\" is not valid, expected a "
				       "time from 1s to 7d, such as 10m\n"},
		{"--lock-file=", "redtap: --lock-file: \"\" is not valid, expected the path of a "
				 "file\n"},
		{"--select nginx",
		 "redtap: --select: \"nginx\" is not valid, expected conditions "
		 "exe=GLOB, port=N or port=N-M, pid=N, joined by `,`, with `!` in "
		 "front to exclude\n"},
		{"--config /nonexistent",
		 "redtap: cannot read the configuration file /nonexistent: "
		 "No such file or directory\n"},
		{"--config /", "redtap: cannot read the configuration file /: Is a directory\n"},
	};

	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		CHECK_EQ(load(mistakes[i].command), -EINVAL);
		CHECK_STR(said, mistakes[i].message);
	}
}

TEST(the_later_source_wins)
{
	write_file("listen: 127.0.0.1:1\nlog_level: error\nseries_max: 500\n"
		   "select: [\"exe=file\"]\nlock_file: /tmp/a\n");
	setenv("REDTAP_LISTEN", "127.0.0.1:2", 1);
	setenv("REDTAP_LOG_LEVEL", "warn", 1);
	setenv("REDTAP_SERIES_MAX", "", 1); /* as good as not set */
	setenv("REDTAP_SELECT", "exe=env1  !pid=7", 1);
	REQUIRE(load("--config FILE --listen 127.0.0.1:3") == 0);
	CHECK_EQ(conf.listen.port, 3);
	CHECK_EQ(conf.log_level, LOG_LEVEL_WARN);
	CHECK_EQ(conf.series_max, 500);
	CHECK_STR(conf.lock_file, "/tmp/a");
	REQUIRE(conf.rules_count == 2);
	CHECK_STR(conf.rules[0].match.exe, "env1");
	CHECK(conf.rules[1].exclude);
	REQUIRE(load("--config FILE --select exe=a --select exe=b") == 0);
	REQUIRE(conf.rules_count == 2);
	CHECK_STR(conf.rules[0].match.exe, "a");
	CHECK_STR(conf.rules[1].match.exe, "b");
	setenv("REDTAP_CONFIG", path, 1);
	REQUIRE(load("") == 0);
	CHECK_EQ(conf.series_max, 500);
	CHECK_STR(conf.file, path);
	setenv("REDTAP_LOG_LEVEL", "loud", 1);
	CHECK_EQ(load(""), -EINVAL);
	CHECK_STR(said, "redtap: REDTAP_LOG_LEVEL: \"loud\" is not valid, expected one of error, "
			"warn, info, debug\n");
	unset_all();
}

TEST(all_of_a_file)
{
	struct config_peer *p;

	REQUIRE(load_text("# all\n"
			  "listen: '[::1]:9464'\n"
			  "capture: syscall\n"
			  "log_level: \"debug\"\n"
			  "ring_bytes: 262144\n"
			  "series_expire: 90s\n"
			  "select:\n"
			  "  - exe: /usr/sbin/nginx\n"
			  "  - {exe: '*python*', port: 8001-8003}\n"
			  "  - {pid: 123, exclude: true}\n"
			  "  - {cmdline: '*-x*', exclude: false}\n"
			  "  - '!port=22'\n"
			  "services:\n"
			  "  - name: hook receiver\n"
			  "    match: {cmdline: '*hook*', exe: python3, port: 80}\n"
			  "routes:\n"
			  "  - /users/{id}\n"
			  "  - {path: '/a/*', service: hook receiver}\n"
			  "  - /\n"
			  "peers:\n"
			  "  10.0.0.5:5432: orders-db\n"
			  "  10.0.0.5: host5\n"
			  "  '[fd00::5]:9092': kafka\n"
			  "  fd00::6: six\n"
			  "  ::ffff:10.0.0.7: mapped\n") == 0);
	CHECK_STR(conf.listen.address, "::1");
	CHECK_EQ(conf.ring_bytes, 262144);
	CHECK_EQ(conf.series_expire_ns, 90000000000);
	REQUIRE(conf.rules_count == 5);
	CHECK_STR(conf.rules[0].match.exe, "/usr/sbin/nginx");
	CHECK_EQ(conf.rules[1].match.port_low, 8001);
	CHECK_EQ(conf.rules[1].match.port_high, 8003);
	CHECK(conf.rules[2].exclude && conf.rules[2].match.pid == 123);
	CHECK(!conf.rules[3].exclude);
	CHECK_STR(conf.rules[3].match.cmdline, "*-x*");
	CHECK(conf.rules[4].exclude && conf.rules[4].match.port_low == 22);
	REQUIRE(conf.services_count == 1);
	CHECK_STR(conf.services[0].name, "hook receiver");
	CHECK_STR(conf.services[0].match.exe, "python3");
	CHECK_STR(conf.services[0].match.cmdline, "*hook*");
	CHECK_EQ(conf.services[0].match.port_high, 80);
	REQUIRE(conf.routes_count == 3);
	CHECK_STR(conf.routes[0].path, "/users/{id}");
	CHECK(conf.routes[0].service == NULL);
	CHECK_STR(conf.routes[1].service, "hook receiver");
	REQUIRE(conf.peers_count == 5);
	p = conf.peers;
	CHECK(p[0].family == AF_INET && p[0].port == 5432 && p[0].ip[0] == 10 && p[0].ip[3] == 5);
	CHECK(p[1].family == AF_INET && p[1].port == 0);
	CHECK(p[2].family == AF_INET6 && p[2].port == 9092 && p[2].ip[0] == 0xfd);
	CHECK(p[3].family == AF_INET6 && p[3].ip[15] == 6);
	CHECK(p[4].family == AF_INET && p[4].ip[3] == 7 && p[4].ip[15] == 0);
}

TEST(files_that_say_nothing)
{
	CHECK_EQ(load_text(""), 0);
	CHECK_EQ(load_text("# only words\n"), 0);
	CHECK_EQ(load_text("---\n"), 0);
	CHECK_EQ(load_text("{}\n"), 0);
	CHECK_EQ(load_text("select: []\nservices: []\nroutes: []\npeers: {}\n"), 0);
	CHECK_EQ(load_text("\xef\xbb\xbflog_level: warn\n"), 0); /* a byte order mark */
	CHECK_EQ(conf.log_level, LOG_LEVEL_WARN);
}

/* text, line, and what the message behind `FILE:LINE: ` begins with */
static const struct {
	const char *text;
	int line;
	const char *message;
} bad_files[] = {
	{"lisen: x\n", 1,
	 "unknown key \"lisen\", expected one of listen, capture, select, log_level,"},
	{"\n\n  \nlog-level: info\n", 4, "unknown key \"log-level\", expected one of listen,"},
	{"config: x\n", 1, "unknown key \"config\""},
	{"# a\nlisten: 127.0.0.1:1\nlisten: 127.0.0.1:2\n", 3,
	 "\"listen\" is given twice, first on line 2"},
	{"budget: {cpu_percent: 1}\nbudget_cpu_percent: 2\n", 2,
	 "budget_cpu_percent is given twice"},
	{"listen:\n", 1, "listen is empty, expected ADDR:PORT with a numeric address"},
	{"a_list:\n- x\n", 1, "unknown key \"a_list\""},
	{"log_level: info\nlisten:\n  - x\n", 3, "listen is a list, expected ADDR:PORT"},
	{"listen: {a: b}\n", 1, "listen is a map, expected ADDR:PORT"},
	{"listen: example.org:80\n", 1,
	 "listen: \"example.org:80\" is not valid, expected ADDR:PORT"},
	{"listen: 127.0.0.1:65536\n", 1, "listen: \"127.0.0.1:65536\" is not valid"},
	{"capture: kprobe\n", 1, "capture: \"kprobe\" is not valid, expected one of auto, socket,"},
	{"series_max: 0x100\n", 1, "series_max: \"0x100\" is not valid, expected a whole number"},
	{"ring_bytes: 17MiB\n", 1, "ring_bytes: \"17MiB\" is not valid, expected a size from 8KiB"},
	{"series_expire: 8d\n", 1,
	 "series_expire: \"8d\" is not valid, expected a time from 1s to 7d"},
	{"just text\n", 1, "the file is plain text, expected a map"},
	{"- a\n- b\n", 1, "the file is a list, expected a map"},
	{"? [a]\n: b\n", 1, "a key is a list, expected a name"},
	{"log_level: \"a\\0b\"\n", 1, "log_level has a NUL in it"},
	/* select */
	{"select: exe=nginx\n", 1, "select is plain text, expected a list of rules"},
	{"select:\n  exe: nginx\n", 2, "select is a map, expected a list of rules"},
	{"select:\n  - exe: nginx\n  - exe: x\n    prot: 80\n", 4,
	 "unknown key \"prot\", expected exe, port, pid, cmdline, exclude"},
	{"select:\n  - {exe: x, exe: y}\n", 2, "select: \"exe\" is given twice, first on line 2"},
	{"select:\n  - port: http\n", 2, "port: \"http\" is not valid, expected a port or a range"},
	{"select:\n  - port: 9-8\n", 2, "port: \"9-8\" is not valid"},
	{"select:\n  - port: 0\n", 2, "port: \"0\" is not valid"},
	{"select:\n  - pid: -1\n", 2, "pid: \"-1\" is not valid, expected a process id"},
	{"select:\n  - exe: [a]\n", 2, "exe is a list, expected a glob for the executable"},
	{"select:\n  - exe:\n", 2, "exe is empty, expected a glob for the executable"},
	{"select:\n  - exe: x\n    exclude: 1\n", 3,
	 "exclude: \"1\" is not valid, expected true or"},
	{"select:\n  - exclude: true\n", 2, "select: a rule without a condition"},
	{"select:\n  - {}\n", 2, "select: a rule without a condition"},
	{"select:\n  - nginx\n", 2, "select: \"nginx\" is not valid, expected conditions exe=GLOB"},
	{"select:\n  - exe=a\n  - [b]\n", 3, "select is a list, expected conditions"},
	/* services */
	{"services: {}\n", 1, "services is a map, expected a list of services"},
	{"services:\n  - x\n", 2, "services: an entry is plain text, expected a map"},
	{"services:\n  - match: {exe: a}\n", 2, "services: an entry without name"},
	{"services:\n  - name: a\n", 2, "services: \"a\" without match, expected exe, port or"},
	{"services:\n  - name: a\n    match: {}\n", 2, "services: \"a\" without match"},
	{"services:\n  - name: a\n    match: x\n", 3, "match is plain text, expected a map"},
	{"services:\n  - name: a\n    match:\n      exe: b\n      pid: 5\n", 5,
	 "unknown key \"pid\", expected exe, port, cmdline"},
	{"services:\n  - name: a\n    mach: x\n", 3, "unknown key \"mach\", expected name, match"},
	{"services:\n  - name: 0123456789012345678901234567890123456789012345678901234567890123x\n",
	 2, "name is 65 bytes long, expected at most 64"},
	/* routes */
	{"routes: /a\n", 1, "routes is plain text, expected a list of paths"},
	{"routes:\n  - a\n", 2, "path: \"a\" is not valid, expected a path from / on"},
	{"routes:\n  - /a/{b\n", 2, "path: \"/a/{b\" is not valid"},
	{"routes:\n  - /a/b}\n", 2, "path: \"/a/b}\" is not valid"},
	{"routes:\n  - /a/{b/c}\n", 2, "path: \"/a/{b/c}\" is not valid"},
	{"routes:\n  - /a?b\n", 2, "path: \"/a?b\" is not valid"},
	{"routes:\n  - service: a\n", 2, "routes: an entry without path"},
	{"routes:\n  - path: /a\n    servce: a\n", 3,
	 "unknown key \"servce\", expected path, service"},
	{"routes:\n  - path: /a\n    service: []\n", 3, "service is a list, expected a name"},
	/* peers */
	{"peers: []\n", 1, "peers is a list, expected a map of ADDR or ADDR:PORT to a name"},
	{"peers:\n  db.example.org: db\n", 2,
	 "peers: \"db.example.org\" is not valid, expected a numeric address"},
	{"peers:\n  10.0.0.5:0: db\n", 2, "peers: \"10.0.0.5:0\" is not valid"},
	{"peers:\n  10.0.0.5:1-2: db\n", 2, "peers: \"10.0.0.5:1-2\" is not valid"},
	{"peers:\n  10.0.0.5:\n  10.0.0.6: x\n", 2, "10.0.0.5 is empty, expected a name"},
	{"peers:\n  10.0.0.5: a\n  10.0.0.5: b\n", 3, "peers: \"10.0.0.5\" is given twice"},
	/* YAML itself */
	{"listen: [\n", 2, "while parsing a flow node: did not find expected node content"},
	{"a: b\n\tc: d\n", 2, "while scanning a plain scalar: found a tab character"},
	{"log_level: info\nlisten: *nothing\n", 2, "found undefined alias"},
	{"log_level: info\n---\nlog_level: warn\n", 3, "a second document, expected one"},
	{"log_level: info\n--- [\n", 3, "while parsing a flow node"},
	{"a: 'b\n", 2, "while scanning a quoted scalar: found unexpected end of stream"},
	{"log_level: info\n\nlisten: \xff\xfe\n", 3, "invalid leading UTF-8 octet, expected UTF-8"},
	{"select: &a [*a]\n", 1, "select is a list, expected conditions"},
};

TEST(mistakes_in_the_file)
{
	for (size_t i = 0; i < sizeof(bad_files) / sizeof(bad_files[0]); i++) {
		char prefix[512];

		CHECK_EQ(load_text(bad_files[i].text), -EINVAL);
		snprintf(prefix, sizeof(prefix), "%s:%d: %s", path, bad_files[i].line,
			 bad_files[i].message);
		if (strncmp(said, prefix, strlen(prefix)))
			printf("# said     %s# expected %s\n", said, prefix);
		CHECK(strncmp(said, prefix, strlen(prefix)) == 0);
		/* one line, said once */
		CHECK(strchr(said, '\n') && strchr(said, '\n')[1] == '\0');
	}
}

TEST(a_failure_leaves_the_result_alone)
{
	struct config other = {.series_max = 77};
	char *argv[] = {(char *)"redtap", (char *)"--nope", NULL};
	FILE *err = fopen("/dev/null", "w");

	REQUIRE(err);
	CHECK_EQ(config_load(2, argv, &other, err), -EINVAL);
	CHECK_EQ(other.series_max, 77);
	fclose(err);
}

TEST(bounds)
{
	size_t room = 2 * CONFIG_FILE_BYTES, n;
	char *text = malloc(room), prefix[128];

	REQUIRE(text);
	memset(text, '#', room);
	write_file_bytes(text, CONFIG_FILE_BYTES);
	CHECK_EQ(load("--config FILE"), 0);
	write_file_bytes(text, CONFIG_FILE_BYTES + 1);
	CHECK_EQ(load("--config FILE"), -EINVAL);
	CHECK(strstr(said, "has more than 1048576 bytes"));

	n = (size_t)sprintf(text, "select:\n");
	for (int i = 0; i <= CONFIG_RULES_MAX; i++)
		n += (size_t)sprintf(text + n, "  - exe=a%d\n", i);
	CHECK_EQ(load_text(text), -EINVAL);
	snprintf(prefix, sizeof(prefix),
		 "%s:%d: select has too many entries, expected at most %d\n", path,
		 CONFIG_RULES_MAX + 2, CONFIG_RULES_MAX);
	CHECK_STR(said, prefix);

	n = (size_t)sprintf(text, "peers:\n");
	for (int i = 0; i <= CONFIG_PEERS_MAX; i++)
		n += (size_t)sprintf(text + n, "  10.0.%d.%d: x\n", i / 256, i % 256);
	CHECK_EQ(load_text(text), -EINVAL);
	snprintf(prefix, sizeof(prefix), "%s:%d: peers has too many entries, expected at most %d\n",
		 path, CONFIG_PEERS_MAX + 2, CONFIG_PEERS_MAX);
	CHECK_STR(said, prefix);
	free(text);
}

TEST(values)
{
	struct config_listen l;
	struct config_peer p;
	uint16_t low, high;
	uint64_t v = 5;
	char out[32];

	CHECK(value_count("0", &v) == 0 && v == 0);
	CHECK(value_count("18446744073709551615", &v) == 0 && v == UINT64_MAX);
	CHECK_EQ(value_count("18446744073709551616", &v), -ERANGE);
	CHECK(value_count("", &v) && value_count("-1", &v) && value_count(" 1", &v) &&
	      value_count("1 ", &v) && value_count("+1", &v));
	CHECK(value_size("3K", &v) == 0 && v == 3072);
	CHECK(value_size("1GiB", &v) == 0 && v == 1 << 30);
	CHECK(value_size("7B", &v) == 0 && v == 7);
	CHECK(value_size("1.5M", &v) && value_size("M", &v) && value_size("1Mx", &v) &&
	      value_size("17179869184G", &v));
	CHECK(value_duration("1500ms", &v) == 0 && v == 1500000000);
	CHECK(value_duration("1d2h3m4s", &v) == 0 && v == 93784000000000);
	CHECK(value_duration("", &v) && value_duration("5", &v) && value_duration("1h30", &v) &&
	      value_duration("s", &v) && value_duration("300000d", &v) &&
	      value_duration("200000d200000d", &v));
	CHECK(value_ports("1-65535", &low, &high) == 0 && low == 1 && high == 65535);
	CHECK(value_ports("65536", &low, &high) && value_ports("1-", &low, &high) &&
	      value_ports("-1", &low, &high) && value_ports("1-2-3", &low, &high));
	CHECK(value_listen("localhost:80", &l) == 0 && !strcmp(l.address, "127.0.0.1"));
	CHECK(value_listen("[0:0::0001]:80", &l) == 0 && !strcmp(l.address, "::1"));
	CHECK(value_listen("[::]:80", &l) == 0 && !strcmp(l.address, "::"));
	CHECK(value_listen("::1:80", &l) && value_listen(":80", &l) && value_listen("*:80", &l) &&
	      value_listen("[::1]", &l) && value_listen("[::1:80", &l) &&
	      value_listen("[127.0.0.1]:80", &l) && value_listen("127.0.0.1:", &l) &&
	      value_listen("127.0.0.1:80x", &l) && value_listen("[]:80", &l) &&
	      value_listen("[::1]x80", &l) && value_listen("", &l));
	CHECK(value_peer("::1", &p) == 0 && p.family == AF_INET6 && p.port == 0);
	CHECK(value_peer("[::1]", &p) == 0 && p.port == 0);
	CHECK(value_peer("1.2.3.4:5", &p) == 0 && p.family == AF_INET && p.port == 5);
	CHECK(value_peer("localhost", &p) && value_peer("1.2.3", &p) && value_peer("", &p));
	CHECK_STR(value_format_size(0, out), "0GiB");
	CHECK_STR(value_format_size(131072, out), "128KiB");
	CHECK_STR(value_format_duration(5400000000000, out), "90m");
	CHECK_STR(value_format_duration(1, out), "1");
}

/* ---- what the rules say ---- */

static struct config_proc proc_of(uint32_t pid, const char *exe, const char *args, size_t n)
{
	return (struct config_proc){pid, slice_str(exe), slice_make(args, n)};
}

#define NGINX   proc_of(10, "/usr/sbin/nginx", "nginx: worker\0\0\0", 16)
#define PYTHON  proc_of(20, "/usr/bin/python3.11 (deleted)", "python\0-m\0hook\0", 15)
#define UNKNOWN proc_of(30, "", "", 0)

static enum config_verdict verdict(struct config_proc proc)
{
	CHECK_EQ(config_selects(&conf, &proc), config_select(&conf, &proc) != CONFIG_IGNORE);
	return config_select(&conf, &proc);
}

static bool conn(struct config_proc proc, uint16_t local, uint16_t remote)
{
	return config_selects_conn(&conf, &proc, local, remote);
}

TEST(select_everything_by_default)
{
	REQUIRE(load("") == 0);
	CHECK_EQ(verdict(NGINX), CONFIG_TRACE);
	CHECK_EQ(verdict(UNKNOWN), CONFIG_TRACE);
	CHECK(conn(NGINX, 80, 40000));
	REQUIRE(load("--select !exe=nginx") == 0);
	CHECK_EQ(verdict(NGINX), CONFIG_IGNORE);
	CHECK_EQ(verdict(PYTHON), CONFIG_TRACE);
	CHECK(!conn(NGINX, 80, 40000) && conn(PYTHON, 80, 40000));
}

TEST(select_by_process)
{
	REQUIRE(load("--select exe=*python* --select pid=10") == 0);
	CHECK_EQ(verdict(NGINX), CONFIG_TRACE);
	CHECK_EQ(verdict(PYTHON), CONFIG_TRACE);
	CHECK_EQ(verdict(UNKNOWN), CONFIG_IGNORE);
	REQUIRE(load("--select exe=/usr/bin/python3.11") == 0);
	CHECK_EQ(verdict(PYTHON), CONFIG_TRACE);
	CHECK_EQ(verdict(NGINX), CONFIG_IGNORE);
	REQUIRE(load("--select exe=python3.?? --select !pid=20") == 0);
	CHECK_EQ(verdict(PYTHON), CONFIG_IGNORE);
	REQUIRE(load("--select exe=/usr/*/python*,pid=21") == 0);
	CHECK_EQ(verdict(PYTHON), CONFIG_IGNORE);
	REQUIRE(load("--select exe=python") == 0); /* the whole base name */
	CHECK_EQ(verdict(PYTHON), CONFIG_IGNORE);
	REQUIRE(load_text("select: [{cmdline: 'python -m hook'}, {cmdline: 'nginx: *er'}]") == 0);
	CHECK_EQ(verdict(PYTHON), CONFIG_TRACE);
	CHECK_EQ(verdict(NGINX), CONFIG_TRACE);
	CHECK_EQ(verdict(UNKNOWN), CONFIG_IGNORE);
}

TEST(select_by_port)
{
	REQUIRE(load("--select port=8001-8003") == 0);
	CHECK_EQ(verdict(NGINX), CONFIG_ASK_PORT);
	CHECK(conn(NGINX, 8001, 40000) && conn(NGINX, 40000, 8003));
	CHECK(!conn(NGINX, 8000, 40000) && !conn(NGINX, 40000, 8004));
	REQUIRE(load("--select port=80,exe=nginx --select exe=python3.11") == 0);
	CHECK_EQ(verdict(NGINX), CONFIG_ASK_PORT);
	CHECK_EQ(verdict(PYTHON), CONFIG_TRACE);
	CHECK_EQ(verdict(UNKNOWN), CONFIG_IGNORE);
	CHECK(conn(NGINX, 80, 1) && !conn(NGINX, 81, 1) && conn(PYTHON, 81, 1));
	REQUIRE(load("--select !port=22") == 0);
	CHECK_EQ(verdict(NGINX), CONFIG_ASK_PORT);
	CHECK(!conn(NGINX, 22, 1) && !conn(NGINX, 1, 22) && conn(NGINX, 23, 1));
	REQUIRE(load("--select exe=nginx --select !exe=nginx,port=22") == 0);
	CHECK_EQ(verdict(NGINX), CONFIG_ASK_PORT);
	CHECK_EQ(verdict(PYTHON), CONFIG_IGNORE);
	CHECK(conn(NGINX, 80, 1) && !conn(NGINX, 22, 1) && !conn(PYTHON, 80, 1));
}

/* Random rules: a connection is only ever kept of a process that is traced, and always of one whose
 * verdict is CONFIG_TRACE. */
TEST(verdicts_agree_with_connections)
{
	static const char *const parts[] = {"exe=nginx", "exe=*python*",      "pid=10",
					    "port=80",   "exe=nginx,port=80", "pid=20,port=81-90"};
	uint32_t seed = 7;

	for (int round = 0; round < 3000; round++) {
		struct config_proc procs[] = {NGINX, PYTHON, UNKNOWN};
		char command[512];
		size_t n = 0;

		seed = seed * 1664525 + 1013904223;
		for (uint32_t i = 0, bits = seed >> 8; i < (seed >> 30) + 1; i++, bits >>= 4)
			n += (size_t)sprintf(command + n, "--select %s%s ", bits & 8 ? "!" : "",
					     parts[(bits & 7) % 6]);
		REQUIRE(load(command) == 0);
		for (int p = 0; p < 3; p++) {
			bool any = false, all = true;

			for (uint16_t port = 79; port <= 91; port++) {
				bool kept = conn(procs[p], port, 40000);

				CHECK_EQ(kept, conn(procs[p], 40000, port));
				any = any || kept;
				all = all && kept;
			}
			if (verdict(procs[p]) == CONFIG_TRACE)
				CHECK(all);
			if (verdict(procs[p]) == CONFIG_IGNORE)
				CHECK(!any);
		}
	}
}

TEST(globs_do_not_explode)
{
	char exe[4096];
	struct config_proc proc = {1, slice_make(exe, sizeof(exe)), SLICE("")};

	memset(exe, 'a', sizeof(exe));
	REQUIRE(load("--select exe=*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b") == 0);
	CHECK_EQ(verdict(proc), CONFIG_IGNORE);
	REQUIRE(load("--select exe=*a*a*?*a*") == 0);
	CHECK_EQ(verdict(proc), CONFIG_TRACE);
	REQUIRE(load("--select exe=**") == 0);
	CHECK_EQ(verdict(UNKNOWN), CONFIG_TRACE);
}

TEST(service_names)
{
	struct config_proc nginx = NGINX, python = PYTHON;
	uint16_t ports[] = {443, 8080};

	REQUIRE(load_text("services:\n"
			  "  - {name: edge, match: {exe: nginx, port: 8000-8999}}\n"
			  "  - {name: hook, match: {cmdline: '*-m hook*'}}\n"
			  "  - {name: rest, match: {exe: '*'}}\n") == 0);
	CHECK_STR(config_service_name(&conf, &nginx, ports, 2), "edge");
	CHECK_STR(config_service_name(&conf, &nginx, ports, 1), "rest");
	CHECK_STR(config_service_name(&conf, &nginx, NULL, 0), "rest");
	CHECK_STR(config_service_name(&conf, &python, ports, 2), "hook");
	CHECK(config_wants_ports(&conf));
	REQUIRE(load_text("services: [{name: hook, match: {exe: x}}]") == 0);
	CHECK(config_service_name(&conf, &python, NULL, 0) == NULL);
	CHECK(!config_wants_ports(&conf));
}

TEST(peer_names)
{
	uint8_t four[16] = {10, 0, 0, 5}, six[16] = {0xfd, [15] = 5}, other[16] = {10, 0, 0, 9};
	uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 5};
	uint8_t junk[16] = {10, 0, 0, 5, 1, 2, 3}; /* only four bytes are meant */

	REQUIRE(load_text("peers:\n  10.0.0.5: host\n  10.0.0.5:5432: db\n  fd00::5: six\n") == 0);
	CHECK_STR(config_peer_name(&conf, four, AF_INET, 5432), "db");
	CHECK_STR(config_peer_name(&conf, four, AF_INET, 80), "host");
	CHECK_STR(config_peer_name(&conf, junk, AF_INET, 80), "host");
	CHECK_STR(config_peer_name(&conf, mapped, AF_INET6, 5432), "db");
	CHECK_STR(config_peer_name(&conf, six, AF_INET6, 1), "six");
	CHECK(config_peer_name(&conf, other, AF_INET, 5432) == NULL);
	CHECK(config_peer_name(&conf, four, AF_UNIX, 5432) == NULL);
}

/* ---- reload ---- */

static char changed[256];

static void note(void *arg, const char *option, bool reloads)
{
	size_t n = strlen(changed);

	CHECK(arg == changed);
	snprintf(changed + n, sizeof(changed) - n, "%s%s ", option, reloads ? "+" : "");
}

static int diff(const char *a, const char *b)
{
	struct config old;
	int n;

	changed[0] = '\0';
	CHECK_EQ(load_text(a), 0);
	old = conf;
	memset(&conf, 0, sizeof(conf));
	CHECK_EQ(load_text(b), 0);
	n = config_diff(&old, &conf, note, changed);
	CHECK_EQ(config_diff(&conf, &old, NULL, NULL), n);
	config_free(&old);
	return n;
}

TEST(what_a_reload_changes)
{
	static const char all[] = "select: [{exe: a, port: 1}]\n"
				  "services: [{name: a, match: {exe: b, cmdline: c, port: 5}}]\n"
				  "routes: [/a, {path: /b, service: c}]\npeers: {1.2.3.4:5: x}\n";

	CHECK_EQ(diff(all, all), 0);
	CHECK_EQ(diff("", ""), 0);
	CHECK_EQ(diff("", all), 4);
	CHECK_STR(changed, "select+ services+ routes+ peers+ ");
	CHECK_EQ(diff("", "listen: 127.0.0.1:1\nlog_level: warn\nring_bytes: 1M\nseries_max: 500\n"
			  "series_expire: 1m\nendpoints_max: 1\nlock_file: /x\ncapture: socket\n"),
		 8);
	CHECK_STR(changed, "listen capture log-level+ ring-bytes series-max endpoints-max "
			   "series-expire+ lock-file ");
	CHECK_EQ(diff("listen: '[::1]:1'", "listen: '[0::1]:1'"), 0);
	CHECK_EQ(diff("select: [exe=a]", "select: [exe=b]"), 1);
	CHECK_EQ(diff("select: [exe=a]", "select: ['!exe=a']"), 1);
	CHECK_EQ(diff("select: [port=1]", "select: [port=1-2]"), 1);
	CHECK_EQ(diff("select: [pid=1]", "select: [{pid: 1}]"), 0);
	CHECK_EQ(diff("services: [{name: a, match: {exe: b}}]",
		      "services: [{name: b, match: {exe: b}}]"),
		 1);
	CHECK_EQ(diff("services: [{name: a, match: {exe: b}}]",
		      "services: [{name: a, match: {cmdline: b}}]"),
		 1);
	CHECK_EQ(diff("routes: [/a]", "routes: [{path: /a, service: x}]"), 1);
	CHECK_EQ(diff("routes: [/a]", "routes: [{path: /a}]"), 0);
	CHECK_EQ(diff("peers: {1.2.3.4: x}", "peers: {1.2.3.4: y}"), 1);
	CHECK_EQ(diff("peers: {1.2.3.4: x}", "peers: {1.2.3.4:1: x}"), 1);
}

TEST(freeing)
{
	struct config zero = {0};

	config_free(&zero);
	config_free(NULL);
	REQUIRE(load("--lock-file /x --select exe=a") == 0);
	config_free(&conf);
	config_free(&conf); /* twice does no harm */
	CHECK(conf.lock_file == NULL && conf.rules_count == 0);
}

/* ---- what people read ---- */

TEST(help_names_every_option)
{
	static const char *const words[] = {"--config FILE",
					    "--listen ADDR:PORT",
					    "--capture HOW",
					    "--select RULE",
					    "--log-level LEVEL",
					    "--ring-bytes SIZE",
					    "--series-max N",
					    "--endpoints-max N",
					    "--lock-file FILE",
					    "--series-expire TIME",
					    "--version",
					    "--help",
					    "[127.0.0.1:9464]",
					    "[auto]",
					    "[20000]",
					    "[10m]",
					    "services",
					    "routes",
					    "peers",
					    "redtap check",
					    "SIGHUP"};
	char text[8192] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	REQUIRE(out);
	config_print_help(out);
	fclose(out);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strstr(text, words[i]))
			printf("# %s\n", words[i]);
		CHECK(strstr(text, words[i]) != NULL);
	}
	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
		CHECK(end - line <= 100);
		/* What an option is for stands in its column, or on lines of its own. */
		if (!strncmp(line, "  --", 4)) {
			size_t name = 2 + strcspn(line + 2, " \n"), left;

			left = name + 1 + strcspn(line + name + 1, " \n");
			CHECK(left < 25 ? left + strspn(line + left, " ") == 25
					: line[left] == '\n');
		}
	}
}

/* deploy/redtap.yaml loads as it is, and with all that is behind a lone # in effect. */
TEST(the_example_file)
{
	FILE *in = fopen("deploy/redtap.yaml", "r");
	char line[512], text[16384] = "";
	struct config defaults;
	size_t n = 0;

	if (!in)
		SKIP("not run from the top of the source tree");
	while (fgets(line, sizeof(line), in)) {
		bool setting = line[0] == '#' && line[1] && (line[1] != ' ' || line[2] == ' ') &&
			       line[1] != '\n';

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", line + setting);
	}
	fclose(in);
	REQUIRE(load("") == 0);
	defaults = conf;
	memset(&conf, 0, sizeof(conf));
	CHECK_EQ(load("--config deploy/redtap.yaml"), 0);
	CHECK_EQ(config_diff(&defaults, &conf, NULL, NULL), 1); /* the file itself */
	CHECK_EQ(load_text(text), 0);
	CHECK_STR(said, "");
	changed[0] = '\0';
	config_diff(&defaults, &conf, note, changed);
	CHECK_STR(changed, "config select+ services+ routes+ peers+ ");
	CHECK_EQ(conf.rules_count, 3);
	CHECK_EQ(conf.services_count, 2);
	CHECK_EQ(conf.routes_count, 2);
	CHECK_EQ(conf.peers_count, 3);
	config_free(&defaults);
}

/* Any bytes as a file: refused with a line, or loaded; nothing leaks, nothing crashes. */
TEST(arbitrary_files)
{
	uint32_t seed = 3;

	for (size_t i = 0; i < sizeof(bad_files) / sizeof(bad_files[0]); i++) {
		char text[512];
		size_t n = strlen(bad_files[i].text);

		for (int round = 0; round < 40; round++) {
			memcpy(text, bad_files[i].text, n);
			for (int flips = 0; flips < 3; flips++) {
				seed = seed * 1664525 + 1013904223;
				text[(seed >> 8) % n] = "-:[]{}&*#?|>'\" \n\0ax"[(seed >> 24) % 19];
			}
			write_file_bytes(text, n);
			if (load("--config FILE"))
				CHECK(strchr(said, '\n') && said[0] == '/');
		}
	}
}

TEST(cleaning_up)
{
	config_free(&conf);
	CHECK_EQ(unlink(path), 0);
}

TEST(budget)
{
	unset_all();
	REQUIRE(load("") == 0);
	CHECK_EQ(conf.budget_cpu, 2000);
	REQUIRE(load("--budget-cpu-percent 0.25") == 0);
	CHECK_EQ(conf.budget_cpu, 250);
	REQUIRE(load_text("budget:\n  cpu_percent: 12.5\n") == 0);
	CHECK_EQ(conf.budget_cpu, 12500);
	REQUIRE(load_text("budget_cpu_percent: 0\n") == 0);
	CHECK_EQ(conf.budget_cpu, 0);
	CHECK_EQ(load_text("budget:\n  cpu_percent: 101\n"), -EINVAL);
	CHECK(strstr(said, ":2: budget_cpu_percent: \"101\" is not valid, expected a percentage"));
	CHECK_EQ(load_text("budget:\n  cpu: 1\n"), -EINVAL);
	CHECK(strstr(said, ":2: unknown key \"budget_cpu\""));
	CHECK_EQ(load_text("budget: 3\n"), -EINVAL);
	CHECK_EQ(load("--budget-cpu-percent 1.2345"), -EINVAL);
	CHECK_EQ(load("--budget-cpu-percent 1."), -EINVAL);
	CHECK_EQ(load("--budget-cpu-percent -1"), -EINVAL);
}
