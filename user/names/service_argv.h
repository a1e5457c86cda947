/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of service.c: what a command line runs. Pure. */
#ifndef REDTAP_NAMES_SERVICE_ARGV_H
#define REDTAP_NAMES_SERVICE_ARGV_H

#include "names/service.h"

/* ---- service_words.c: what is known of programs and words ---- */

enum service_launcher_kind {
	SERVICE_PYTHON,  /* interpreter: -m MODULE, or a script */
	SERVICE_NODE,    /* interpreter of scripts that belong to a package */
	SERVICE_JAVA,    /* -jar, --module, or a class */
	SERVICE_SCRIPT,  /* any other interpreter of a script */
	SERVICE_SHELL,   /* a script, or -c TEXT */
	SERVICE_MODULE,  /* runs an application given as PACKAGE.MODULE:OBJECT or a path */
	SERVICE_WRAPPER, /* runs the rest of its command line */
	SERVICE_HERE,    /* runs what is in the working directory */
};

/* Lists are words with a blank before and behind each. */
struct service_launcher {
	const char *names; /* base names, without a version behind them */
	enum service_launcher_kind kind;
	const char *runs;     /* options whose value is what runs */
	const char *inline_;  /* options whose value is program text: nothing to name */
	const char *valued;   /* options that take the next argument ... */
	const char *flags;    /* ... or, when set, those that take none, all others do */
	const char *verbs;    /* leading words that are no target: `run`, `exec` */
	unsigned int leading; /* positional arguments before what runs: `timeout 5 x` */
	bool clusters;        /* short options may be joined: -um x */
};

/* The launcher of that base name, its version (`python3.11`) looked past; NULL: none. */
const struct service_launcher *service_launcher(struct slice base);

bool service_is_interpreter(const struct service_launcher *l);

/* A word that names no service: of a module, a script or a class (any case). */
bool service_is_generic(struct slice word);

/* A directory that says nothing of what is in it (`bin`, `src`, `dist` ...), generic words too. */
bool service_is_layout(struct slice dir);

/* A directory of the system (`srv`, `opt`, `home` ...): no service is called like that. */
bool service_is_system_dir(struct slice dir);

/* A well-known main class whose own name says nothing; empty when it is not one. */
struct slice service_known_class(struct slice class_name);

/* Whether the list (see struct service_launcher) has the word. */
bool service_in_list(const char *list, struct slice word);

/* ---- service_path.c: names out of paths, modules and classes ---- */

/* Empty when the path has no last part. */
struct slice service_base(struct slice path);

/* The working directory's name; empty for `/` and when it is not known. */
struct slice service_dir_name(struct slice cwd);

/* A script, a module (`a.b.main:app`), a class, a jar: each empty when only the launcher is left.
 * The result points into what was handed in. */
struct slice service_from_script(struct slice script, struct slice cwd);
struct slice service_from_module(struct slice module, struct slice cwd);
struct slice service_from_class(struct slice class_name, struct slice cwd);
struct slice service_from_jar(struct slice jar, struct slice cwd);

/* Whether the text can be a module reference: identifiers, dots, one colon. */
bool service_is_module(struct slice text);

/* ---- service_argv.c ---- */

struct service_found {
	char name[SERVICE_NAME_BYTES * 4]; /* before it is cleaned and cut */
	size_t bytes;                      /* 0: nothing but the executable is left */
	struct slice script;               /* Node, see service_script() */
};

void service_from_argv(const struct service_input *in, struct service_found *found);

#endif
