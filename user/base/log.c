// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

struct log_line {
	char text[LOG_LINE_BYTES];
	size_t len; /* never into the room kept for "...\n" */
	bool cut;
};

#define LOG_LINE_ROOM (LOG_LINE_BYTES - sizeof("...\n"))

static atomic_int log_level = LOG_LEVEL_INFO;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER; /* guards the sites' limits */

static const char *const log_names[] = {"error", "warn", "info", "debug"};
static const char *const log_priorities[] = {"<3>", "<4>", "<6>", "<7>"}; /* sd-daemon(3) */

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&log_level, (int)level, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&log_level, memory_order_relaxed);
}

/* systemd.exec(5): JOURNAL_STREAM is "device:inode" of the stream connected to the journal. */
static bool log_to_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat st;
	char own[64];

	if (!stream || fstat(STDERR_FILENO, &st))
		return false;
	snprintf(own, sizeof(own), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	return strcmp(stream, own) == 0;
}

static void log_put(struct log_line *line, const char *p, size_t n)
{
	if (line->cut || n > LOG_LINE_ROOM - line->len) {
		line->cut = true;
		return;
	}
	memcpy(line->text + line->len, p, n);
	line->len += n;
}

/* `quotes`: inside quotes, where `"` and `\` need an escape of their own. */
static void log_put_escaped(struct log_line *line, const char *text, bool quotes)
{
	size_t n = strlen(text);

	while (n && !line->cut) {
		const uint8_t *p = (const uint8_t *)text;
		size_t len = text_step(p, n);
		char escape[8];

		if (len == 0) {
			len = 1;
			snprintf(escape, sizeof(escape), "\\x%02x", *p);
			log_put(line, escape, 4);
		} else if (quotes && (*p == '"' || *p == '\\')) {
			snprintf(escape, sizeof(escape), "\\%c", *p);
			log_put(line, escape, 2);
		} else {
			log_put(line, text, len);
		}
		text += len;
		n -= len;
	}
}

static void log_put_head(struct log_line *line, enum log_level level)
{
	char head[80];
	int n;

	if (log_to_journal()) {
		n = snprintf(head, sizeof(head), "%slevel=%s", log_priorities[level],
			     log_names[level]);
	} else {
		uint64_t now_ns = clock_wall_ns();
		time_t seconds = (time_t)(now_ns / CLOCK_NS_PER_SECOND);
		char stamp[32];
		struct tm tm;

		gmtime_r(&seconds, &tm);
		strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
		n = snprintf(head, sizeof(head), "time=%s.%03uZ level=%s", stamp,
			     (unsigned int)(now_ns % CLOCK_NS_PER_SECOND / CLOCK_NS_PER_MS),
			     log_names[level]);
	}
	log_put(line, head, (size_t)n);
}

void log_write(struct log_site *site, enum log_level level, const char *msg, const char *format,
	       ...)
{
	struct log_line line = {.len = 0};
	char text[LOG_LINE_BYTES] = "";
	char number[32];
	int saved_errno = errno;
	uint32_t missed = 0;
	va_list args;
	bool pass;

	pthread_mutex_lock(&log_lock);
	pass = ratelimit_pass(&site->limit, clock_mono_ns(), LOG_INTERVAL_NS, LOG_BURST, &missed);
	pthread_mutex_unlock(&log_lock);
	if (!pass)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_put_head(&line, level);
	if (missed) {
		snprintf(number, sizeof(number), " suppressed=%u", missed);
		log_put(&line, number, strlen(number));
	}
	log_put(&line, " msg=\"", 6);
	log_put_escaped(&line, msg ? msg : text, true);
	log_put(&line, "\"", 1);
	if (msg && text[0]) {
		log_put(&line, " ", 1);
		log_put_escaped(&line, text, false);
	}
	/* One write per line: lines of several threads or processes do not mix. */
	line.len += (size_t)sprintf(line.text + line.len, line.cut ? "...\n" : "\n");
	while (write(STDERR_FILENO, line.text, line.len) < 0 && errno == EINTR)
		;
	errno = saved_errno;
}
