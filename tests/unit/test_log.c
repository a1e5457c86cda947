// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "test.h"

static char said[1 << 20];
static int saved_err = -1, pipe_out = -1;

/* Standard error goes into a pipe from here to captured(). */
static void capture(void)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) || fcntl(fds[1], F_SETPIPE_SZ, (int)sizeof(said)) < 0)
		abort();
	saved_err = dup(STDERR_FILENO);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	pipe_out = fds[0];
}

static const char *captured(void)
{
	size_t n = 0;
	ssize_t got;

	dup2(saved_err, STDERR_FILENO);
	close(saved_err);
	while ((got = read(pipe_out, said + n, sizeof(said) - 1 - n)) > 0)
		n += (size_t)got;
	close(pipe_out);
	said[n] = '\0';
	return said;
}

/* The line from `level=` on, the time before it checked for its form. */
static const char *without_time(const char *line)
{
	static const char form[] = "time=dddd-dd-ddTdd:dd:dd.dddZ ";
	size_t n = sizeof(form) - 1;

	CHECK(strlen(line) > n);
	for (size_t i = 0; i < n && line[i]; i++)
		CHECK(form[i] == 'd' ? line[i] >= '0' && line[i] <= '9' : line[i] == form[i]);
	return strlen(line) > n ? line + n : line;
}

TEST(one_line_with_a_time)
{
	char stamp[32];
	time_t before = time(NULL), after;
	struct tm tm;

	unsetenv("JOURNAL_STREAM");
	capture();
	log_info("listening on %s:%d", "127.0.0.1", 9464);
	captured();
	after = time(NULL);
	CHECK_STR(without_time(said), "level=info msg=\"listening on 127.0.0.1:9464\"\n");
	gmtime_r(&before, &tm);
	strftime(stamp, sizeof(stamp), "time=%Y-%m-%dT%H:%M:%S", &tm);
	CHECK(strncmp(said, stamp, strlen(stamp)) >= 0);
	gmtime_r(&after, &tm);
	strftime(stamp, sizeof(stamp), "time=%Y-%m-%dT%H:%M:%S", &tm);
	CHECK(strncmp(said, stamp, strlen(stamp)) <= 0);
}

TEST(fields)
{
	capture();
	log_warn_kv("attached", "capture=%s programs=%d", "socket", 7);
	captured();
	CHECK_STR(without_time(said), "level=warn msg=\"attached\" capture=socket programs=7\n");
}

TEST(levels)
{
	capture();
	log_set_level(LOG_LEVEL_WARN);
	CHECK(log_enabled(LOG_LEVEL_ERROR) && log_enabled(LOG_LEVEL_WARN));
	CHECK(!log_enabled(LOG_LEVEL_INFO) && !log_enabled(LOG_LEVEL_DEBUG));
	log_info("not this");
	log_debug("nor this");
	log_info_kv("nor", "that=%d", 1);
	log_error("but this");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("and this");
	log_set_level(LOG_LEVEL_INFO);
	captured();
	CHECK(strstr(said, "level=error msg=\"but this\"\n"));
	CHECK(strstr(said, "level=debug msg=\"and this\"\n"));
	CHECK(!strstr(said, "not") && !strstr(said, "nor"));
}

TEST(nothing_can_forge_a_line)
{
	capture();
	log_info("%s", "a\"b\\c\nlevel=error\x1b[31m\x7f\xc2\x85 caf\xc3\xa9 \xff");
	log_info_kv("a\nb", "k=%s", "x\ny \"q\"");
	captured();
	CHECK(strstr(said, "msg=\"a\\\"b\\\\c\\x0alevel=error\\x1b[31m\\x7f\\xc2\\x85 caf\xc3\xa9 "
			   "\\xff\"\n"));
	CHECK(strstr(said, "msg=\"a\\x0ab\" k=x\\x0ay \"q\"\n"));
}

TEST(long_lines_are_cut)
{
	char text[4096];
	const char *line;
	int wholes = 0;
	bool whole;

	for (size_t n = LOG_LINE_BYTES - 100; n < LOG_LINE_BYTES + 100; n++) {
		memset(text, 'x', n);
		text[n] = '\0';
		capture();
		log_write(&(struct log_site){0}, LOG_LEVEL_INFO, NULL, "%s", text);
		line = captured();
		CHECK(strlen(line) < LOG_LINE_BYTES);
		CHECK(strchr(line, '\n') == line + strlen(line) - 1);
		whole = strcmp(line + strlen(line) - 2, "\"\n") == 0;
		CHECK(whole ? strstr(line, text) != NULL
			    : strcmp(line + strlen(line) - 4, "...\n") == 0);
		wholes += whole;
	}
	CHECK(wholes > 20 && wholes < 180);
	memset(text, '\n', sizeof(text)); /* every byte escaped */
	text[sizeof(text) - 1] = '\0';
	capture();
	log_info("%s", text);
	CHECK(strlen(captured()) < LOG_LINE_BYTES);
}

TEST(repeats_are_limited_by_place)
{
	int lines = 0;

	capture();
	for (int i = 0; i < 100; i++)
		log_info("again %d", i);
	log_info("elsewhere");
	captured();
	for (const char *p = said; (p = strchr(p, '\n')); p++)
		lines++;
	CHECK_EQ(lines, LOG_BURST + 1);
	CHECK(strstr(said, "again 9\"") && !strstr(said, "again 10\""));
	CHECK(strstr(said, "elsewhere"));
}

TEST(suppressed_lines_are_told)
{
	/* 42 were held back in an interval that is long over */
	struct log_site site = {.limit = {.start_ns = 1, .passed = LOG_BURST, .missed = 42}};

	capture();
	log_write(&site, LOG_LEVEL_WARN, NULL, "lost");
	log_write(&site, LOG_LEVEL_WARN, NULL, "lost");
	captured();
	CHECK(strstr(said, "level=warn suppressed=42 msg=\"lost\"\n"));
	CHECK(strstr(strchr(said, '\n'), "level=warn msg=\"lost\"\n"));
}

TEST(under_systemd)
{
	struct stat st;
	char stream[64];

	capture();
	fstat(STDERR_FILENO, &st);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_error("a");
	log_warn("b");
	log_info("c");
	captured();
	CHECK_STR(said, "<3>level=error msg=\"a\"\n<4>level=warn msg=\"b\"\n"
			"<6>level=info msg=\"c\"\n");
	/* the variable is inherited, but standard error goes elsewhere */
	setenv("JOURNAL_STREAM", "1:1", 1);
	capture();
	log_info("d");
	captured();
	CHECK_STR(without_time(said), "level=info msg=\"d\"\n");
	unsetenv("JOURNAL_STREAM");
}

TEST(errno_survives)
{
	capture();
	errno = ENOTTY;
	log_info("x");
	CHECK_EQ(errno, ENOTTY);
	captured();
}

#define WRITERS 4
#define LINES   500

static void *writer(void *arg)
{
	for (int i = 0; i < LINES; i++)
		log_write(&(struct log_site){0}, LOG_LEVEL_INFO, NULL, "writer %d says %d",
			  (int)(intptr_t)arg, i);
	return NULL;
}

TEST(lines_of_threads_do_not_mix)
{
	pthread_t threads[WRITERS];
	int lines = 0;

	capture();
	for (intptr_t i = 0; i < WRITERS; i++)
		REQUIRE(pthread_create(&threads[i], NULL, writer, (void *)i) == 0);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	captured();
	for (char *line = said, *end; (end = strchr(line, '\n')); line = end + 1, lines++) {
		int who, what;

		*end = '\0';
		CHECK_EQ(sscanf(without_time(line), "level=info msg=\"writer %d says %d\"", &who,
				&what),
			 2);
	}
	CHECK_EQ(lines, WRITERS * LINES);
}

TEST(rate_limit)
{
	struct ratelimit rl = {0};
	uint32_t missed = 77;

	for (int i = 0; i < 3; i++)
		CHECK(ratelimit_pass(&rl, 1000, 100, 3, &missed));
	CHECK_EQ(missed, 0);
	missed = 77;
	for (int i = 0; i < 5; i++)
		CHECK(!ratelimit_pass(&rl, 1099, 100, 3, &missed));
	CHECK_EQ(missed, 77); /* not written */
	CHECK(ratelimit_pass(&rl, 1100, 100, 3, &missed));
	CHECK_EQ(missed, 5);
	CHECK(ratelimit_pass(&rl, 1101, 100, 3, &missed));
	CHECK_EQ(missed, 0);
	CHECK(!ratelimit_pass(&rl, 9000, 100, 0, &missed)); /* nothing at all */
	rl.missed = UINT32_MAX;
	CHECK(!ratelimit_pass(&rl, 9001, 100, 0, &missed));
	CHECK_EQ(rl.missed, UINT32_MAX);
}

TEST(clocks)
{
	uint64_t mono = clock_mono_ns(), boot, wall = clock_wall_ns();
	int64_t offset = clock_wall_offset_ns(), slack;

	CHECK(clock_mono_ns() >= mono);
	boot = clock_boot_ns();
	CHECK(boot >= mono);
	slack = (int64_t)wall - (int64_t)mono - offset;
	CHECK(slack > -(int64_t)CLOCK_NS_PER_SECOND && slack < (int64_t)CLOCK_NS_PER_SECOND);
	CHECK(clock_boot_offset_ns() > -1000000);
	CHECK(wall / CLOCK_NS_PER_SECOND >= (uint64_t)time(NULL) - 2);
}

TEST(text_steps)
{
	static const struct {
		const char *text;
		size_t n, step;
	} steps[] = {
		{"a", 1, 1},
		{" ", 1, 1},
		{"~", 1, 1},
		{"\x1f", 1, 0},
		{"\x7f", 1, 0},
		{"\0", 1, 0},
		{"\xc2\x80", 2, 0},
		{"\xc2\x9f", 2, 0},
		{"\xc2\xa0", 2, 2},
		{"\xc3\xa9", 2, 2},
		{"\xc3", 1, 0},
		{"\xc3(", 2, 0},
		{"\xa9", 1, 0},
		{"\xc0\x80", 2, 0},
		{"\xe2\x82\xac", 3, 3},
		{"\xe2\x82", 2, 0},
		{"\xe0\x80\x80", 3, 0},
		{"\xed\xa0\x80", 3, 0},
		{"\xf0\x9f\x98\x80", 4, 4},
		{"\xf0\x9f\x98", 3, 0},
		{"\xf0\x80\x80\x80", 4, 0},
		{"\xf4\x90\x80\x80", 4, 0},
		{"\xf8\x88\x80\x80", 4, 0},
		{"\xff\xff\xff\xff", 4, 0},
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		uint8_t *exact = test_exact(steps[i].text, steps[i].n);

		CHECK_EQ(text_step(exact, steps[i].n), steps[i].step);
		free(exact);
	}
}
