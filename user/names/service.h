/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a process is called in the label `service`. Pure: whoever knows the process brings what was
 * found out about it. The rule, first that applies:
 *
 *  1. a rule in the configuration;
 *  2. OTEL_SERVICE_NAME, then service.name in OTEL_RESOURCE_ATTRIBUTES (OpenTelemetry SDK
 *     environment variables; the attribute list is W3C baggage, percent-encoded);
 *  3. the container's or pod's label;
 *  4. the systemd unit, without `.service`;
 *  5. what the command line runs, launchers looked through:
 *	uvicorn hook_receiver.main:app	hook_receiver	(gunicorn, hypercorn, celery, flask ... too)
 *	python -m x			x
 *	/opt/bin/x.py (by a shebang)	x
 *	node server.js			the package's name, else as a script
 *	java -jar a-1.2.jar		a
 *	java kafka.Kafka		kafka: the class's last part in lower case
 *	puma, rails server		the working directory's name
 *	sh -c 'exec x --y'		as `x --y`
 *	python -c 'from multiprocessing.spawn ...'	the parent's name: a worker (uvicorn
 *--workers) A generic module, script or class (`main app server asgi wsgi` and its kind,
 *service_words.c) yields to its package or directory, then to the working directory, then to the
 *launcher;
 *  6. the executable's base name. A process that rewrote its title (`postgres: ...`) comes here at
 *     once, but an interpreter's title is taken for what it says (`gunicorn: worker [x.main:app]`).
 *
 * The result is printable UTF-8 of 1 to SERVICE_NAME_BYTES bytes: other bytes become `_`, it is cut
 * between characters and has no blanks at its ends. Nothing to go by: `unknown`.
 */
#ifndef REDTAP_NAMES_SERVICE_H
#define REDTAP_NAMES_SERVICE_H

#include "base/slice.h"

#define SERVICE_NAME_BYTES  64
#define SERVICE_DEPTH_MAX   8    /* launchers inside launchers that are looked through */
#define SERVICE_SHELL_BYTES 2048 /* of `sh -c` text that are looked at */

/* Every slice may be empty: not known. Borrowed during the call only. */
struct service_input {
	struct slice rule;              /* name the configuration gives */
	struct slice otel_service_name; /* values, without `NAME=` */
	struct slice otel_resource_attributes;
	struct slice container;
	struct slice unit;    /* `nginx.service` or `nginx`: service_unit() */
	struct slice exe;     /* target of /proc/PID/exe */
	struct slice argv;    /* NUL-separated, as /proc/PID/cmdline; may be cut anywhere */
	struct slice cwd;     /* target of /proc/PID/cwd */
	struct slice parent;  /* the parent process's service, for workers: rule 5 */
	struct slice package; /* Node: `name` of the script's package.json: service_script() */
};

/* Writes the name and a NUL; returns its bytes, at least 1. */
size_t service_name(const struct service_input *in, char out[SERVICE_NAME_BYTES + 1]);

/*
 * For a process that runs a Node script: the script as its command line has it (maybe relative to
 * cwd). The caller looks for the nearest package.json above it. Points into in->argv. Empty for
 * everything else, and for a script that only shows inside `sh -c` text.
 */
struct slice service_script(const struct service_input *in);

/*
 * The systemd unit in a cgroup path (`/system.slice/nginx.service/...` -> `nginx.service`): the
 * innermost `.service` that is not a user manager's. Empty: none. Points into `cgroup`.
 * Source: systemd.slice(5), user@.service(5).
 */
struct slice service_unit(struct slice cgroup);

#endif
