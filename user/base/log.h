/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages to the operator: one line each on standard error,
 *
 *	time=2025-01-31T12:00:00.123Z level=info msg="listening" addr=127.0.0.1:9464
 *
 * Under systemd (JOURNAL_STREAM names standard error) the time is left to the journal and the line
 * starts with its <priority>. Control characters, quotes and broken UTF-8 are escaped, so that
 * what a peer or a process title says can neither forge nor break a line.
 *
 * Each place in the source is limited on its own to LOG_BURST lines per LOG_INTERVAL_NS; the next
 * line that passes says `suppressed=N`. Any thread. Never called from user/proto or user/track.
 */
#ifndef REDTAP_BASE_LOG_H
#define REDTAP_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/ratelimit.h"

#define LOG_LINE_BYTES  1024 /* a longer line is cut and ends in "..." */
#define LOG_BURST       10
#define LOG_INTERVAL_NS 10000000000ull

enum log_level {
	LOG_LEVEL_ERROR = 0,
	LOG_LEVEL_WARN = 1,
	LOG_LEVEL_INFO = 2, /* until log_set_level() */
	LOG_LEVEL_DEBUG = 3,
};

/* One per place in the source; the macros make it. */
struct log_site {
	struct ratelimit limit;
};

/* The most talkative level that is still written. */
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);

/*
 * One line. `msg` NULL: the format makes the message; else msg is the message, and the format makes
 * the fields behind it ("port=%u path=\"%s\""). errno is left as it was.
 */
void log_write(struct log_site *site, enum log_level level, const char *msg, const char *format,
	       ...) __attribute__((format(printf, 4, 5)));

#define log_at(level, msg, ...)                                                                    \
	do {                                                                                       \
		static struct log_site log_site_;                                                  \
		if (log_enabled(level))                                                            \
			log_write(&log_site_, level, msg, __VA_ARGS__);                            \
	} while (0)

/* printf-like: log_warn("cannot read %s: %s", path, strerror(-r)) */
#define log_error(...) log_at(LOG_LEVEL_ERROR, NULL, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_LEVEL_WARN, NULL, __VA_ARGS__)
#define log_info(...)  log_at(LOG_LEVEL_INFO, NULL, __VA_ARGS__)
#define log_debug(...) log_at(LOG_LEVEL_DEBUG, NULL, __VA_ARGS__)

/* with fields: log_info_kv("attached", "capture=%s programs=%u", name, n) */
#define log_error_kv(msg, ...) log_at(LOG_LEVEL_ERROR, msg, __VA_ARGS__)
#define log_warn_kv(msg, ...)  log_at(LOG_LEVEL_WARN, msg, __VA_ARGS__)
#define log_info_kv(msg, ...)  log_at(LOG_LEVEL_INFO, msg, __VA_ARGS__)
#define log_debug_kv(msg, ...) log_at(LOG_LEVEL_DEBUG, msg, __VA_ARGS__)

#endif
