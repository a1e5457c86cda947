// SPDX-License-Identifier: GPL-2.0-or-later
#include "names/service_argv.h"

struct argv_look {
	const struct service_input *in;
	struct service_found *found;
	unsigned int depth;
	bool in_text; /* the arguments are a copy of `sh -c` text */
};

/* What an option is to its launcher. */
enum argv_option {
	ARGV_FLAG,   /* nothing */
	ARGV_VALUED, /* had a value, which is skipped */
	ARGV_RUNS,   /* its value is what runs */
	ARGV_INLINE, /* program text follows: nothing to name */
};

static bool argv_command(struct argv_look *look, struct slice args);

static bool argv_next(struct slice *args, struct slice *arg)
{
	const uint8_t *end;

	if (args->n == 0)
		return false;
	end = memchr(args->p, '\0', args->n);
	*arg = slice_make(args->p, end ? (size_t)(end - args->p) : args->n);
	args->p += arg->n;
	args->n -= arg->n;
	if (end) {
		args->p++;
		args->n--;
	}
	return true;
}

static bool argv_set(struct argv_look *look, struct slice name, bool lower)
{
	struct service_found *found = look->found;

	if (name.n > sizeof(found->name))
		name.n = sizeof(found->name);
	for (size_t i = 0; i < name.n; i++) {
		uint8_t c = name.p[i];

		found->name[i] = (char)(lower && c >= 'A' && c <= 'Z' ? c + 32 : c);
	}
	found->bytes = name.n;
	return name.n > 0;
}

/* The working directory's name, or the launcher's own. */
static bool argv_set_here(struct argv_look *look, struct slice self)
{
	struct slice dir = service_dir_name(look->in->cwd);

	return argv_set(look, dir.n ? dir : self, false);
}

static bool argv_is_assignment(struct slice arg)
{
	const uint8_t *eq = memchr(arg.p, '=', arg.n);

	if (!eq || eq == arg.p)
		return false;
	return service_is_module(slice_make(arg.p, (size_t)(eq - arg.p)));
}

static bool argv_takes_value(const struct service_launcher *l, struct slice opt)
{
	if (!l->flags)
		return service_in_list(l->valued, opt);
	if (opt.n > 5 && memcmp(opt.p, "--no-", 5) == 0)
		return false;
	return !service_in_list(l->flags, opt);
}

/* -um x, -W ignore, -pe: letter by letter, until one takes the rest or the next argument. */
static enum argv_option argv_cluster(const struct service_launcher *l, struct slice arg,
				     struct slice *args, struct slice *opt, struct slice *value)
{
	for (size_t i = 1; i < arg.n; i++) {
		const uint8_t letter[2] = {arg.p[0], arg.p[i]};
		struct slice one = slice_make(letter, 2);
		struct slice rest = slice_make(arg.p + i + 1, arg.n - i - 1);
		bool runs = service_in_list(l->runs, one);

		if (service_in_list(l->inline_, one))
			return ARGV_INLINE;
		if (!runs && !argv_takes_value(l, one))
			continue;
		*opt = slice_make(arg.p + i, 1);
		*value = rest;
		/* In `sh -ce TEXT` the letters behind -c are flags. */
		if ((rest.n == 0 || l->kind == SERVICE_SHELL) && !argv_next(args, value))
			return ARGV_FLAG;
		return runs ? ARGV_RUNS : ARGV_VALUED;
	}
	return ARGV_FLAG;
}

static enum argv_option argv_option(const struct service_launcher *l, struct slice arg,
				    struct slice *args, struct slice *opt, struct slice *value)
{
	const uint8_t *eq = memchr(arg.p, '=', arg.n);
	struct slice bare = slice_make(arg.p, eq ? (size_t)(eq - arg.p) : arg.n);
	bool runs = service_in_list(l->runs, bare);

	*opt = bare;
	if (service_in_list(l->inline_, bare))
		return ARGV_INLINE;
	if (arg.n > 2 && arg.p[1] != '-' && l->clusters)
		return argv_cluster(l, arg, args, opt, value);
	if (!runs && !argv_takes_value(l, bare))
		return ARGV_FLAG;
	if (eq)
		*value = slice_make(eq + 1, (size_t)(arg.p + arg.n - eq - 1));
	else if (!argv_next(args, value))
		return ARGV_FLAG;
	return runs ? ARGV_RUNS : ARGV_VALUED;
}

/* A launcher found inside another, e.g. uvicorn as a script of python. */
static bool argv_launch(struct argv_look *look, const struct service_launcher *l, struct slice self,
			struct slice args);

/* A script out of standard input or a descriptor has no name. */
static bool argv_is_descriptor(struct slice script)
{
	static const char fds[] = "/dev/fd/", self[] = "/proc/self/fd/";

	return slice_eq(script, SLICE("-")) || slice_eq(script, SLICE("/dev/stdin")) ||
	       (script.n >= sizeof(fds) - 1 && !memcmp(script.p, fds, sizeof(fds) - 1)) ||
	       (script.n >= sizeof(self) - 1 && !memcmp(script.p, self, sizeof(self) - 1));
}

static bool argv_script(struct argv_look *look, const struct service_launcher *l,
			struct slice script, struct slice args)
{
	struct slice base = service_base(script);
	const struct service_launcher *inner = service_launcher(base);

	if (argv_is_descriptor(script))
		return false;
	if (inner && l->kind != SERVICE_SHELL)
		return argv_launch(look, inner, base, args);
	if (l->kind == SERVICE_NODE && !look->in_text) {
		look->found->script = script;
		if (look->in->package.n)
			return argv_set(look, look->in->package, false);
	}
	return argv_set(look, service_from_script(script, look->in->cwd), false);
}

/* python -m: `uvicorn`, `uvicorn.main` and `gunicorn.app.wsgiapp` are launchers all the same. */
static bool argv_module(struct argv_look *look, struct slice module, struct slice args)
{
	const uint8_t *dot = memchr(module.p, '.', module.n);
	struct slice first = slice_make(module.p, dot ? (size_t)(dot - module.p) : module.n);
	const struct service_launcher *inner = service_launcher(first);

	if (inner && (!dot || inner->kind == SERVICE_MODULE))
		return argv_launch(look, inner, first, args);
	return argv_set(look, service_from_module(module, look->in->cwd), false);
}

static bool argv_is_shell_noise(struct slice word)
{
	return service_in_list(" cd export set unset ulimit umask source . : true mkdir echo sleep"
			       " trap chmod chown test [ [[ wait printf if then fi while do done"
			       " until for { } ! ",
			       word);
}

/*
 * The next simple command of shell text as NUL-separated words in `out`, which has room for all of
 * `text`. False at the end of the text. Quotes are taken off, nothing is expanded.
 */
static bool argv_shell_next(struct slice *text, uint8_t *out, struct slice *words)
{
	size_t n = 0, i = 0;
	uint8_t quote = 0;

	for (; i < text->n; i++) {
		uint8_t c = text->p[i];

		if (quote) {
			if (c == quote)
				quote = 0;
			else
				out[n++] = c;
		} else if (c == '\'' || c == '"') {
			quote = c;
		} else if (c == '\\' && i + 1 < text->n) {
			out[n++] = text->p[++i];
		} else if (c == '&' && ((n && (out[n - 1] == '<' || out[n - 1] == '>')) ||
					(i + 1 < text->n && text->p[i + 1] == '>'))) {
			out[n++] = c; /* a redirection: 2>&1, &>file */
		} else if (strchr(";&|\n()", c) && c) {
			i++;
			break;
		} else if (c == ' ' || c == '\t' || c == '\r') {
			if (n && out[n - 1])
				out[n++] = '\0';
		} else {
			out[n++] = c;
		}
	}
	if (i == 0)
		return false;
	text->p += i;
	text->n -= i;
	*words = slice_make(out, n);
	return true;
}

static bool argv_text(struct argv_look *look, struct slice text)
{
	uint8_t buffer[SERVICE_SHELL_BYTES];
	struct slice words, rest, first;
	bool outer = look->in_text, found = false;

	if (text.n > sizeof(buffer))
		text.n = sizeof(buffer);
	look->in_text = true;
	while (!found && argv_shell_next(&text, buffer, &words)) {
		rest = words;
		if (argv_next(&rest, &first) && !argv_is_shell_noise(first))
			found = argv_command(look, words);
	}
	look->in_text = outer;
	return found;
}

static bool argv_runs(struct argv_look *look, const struct service_launcher *l, struct slice opt,
		      struct slice value, struct slice args)
{
	struct slice cwd = look->in->cwd;

	switch (l->kind) {
	case SERVICE_PYTHON: return argv_module(look, value, args);
	case SERVICE_MODULE: return argv_set(look, service_from_module(value, cwd), false);
	case SERVICE_JAVA:
		if (slice_eq(opt, SLICE("-jar")))
			return argv_set(look, service_from_jar(value, cwd), false);
		return argv_set(look, service_from_class(value, cwd), true);
	case SERVICE_SHELL:
	case SERVICE_WRAPPER: return argv_text(look, value);
	case SERVICE_NODE:
	case SERVICE_SCRIPT: return argv_script(look, l, value, args);
	case SERVICE_HERE: break;
	}
	return false;
}

/* The first argument that is no option. `args`: those behind it; `from`: with it. */
static bool argv_target(struct argv_look *look, const struct service_launcher *l,
			struct slice target, struct slice args, struct slice from)
{
	struct slice cwd = look->in->cwd;

	switch (l->kind) {
	case SERVICE_PYTHON:
	case SERVICE_NODE:
	case SERVICE_SCRIPT:
	case SERVICE_SHELL: return argv_script(look, l, target, args);
	case SERVICE_JAVA: return argv_set(look, service_from_class(target, cwd), true);
	case SERVICE_MODULE: return argv_set(look, service_from_module(target, cwd), false);
	case SERVICE_WRAPPER: return argv_command(look, from);
	case SERVICE_HERE: break;
	}
	return false;
}

/* Whether a positional argument is to be passed over. */
static bool argv_passed_over(const struct service_launcher *l, struct slice arg,
			     unsigned int *leading)
{
	if (arg.n == 0 || service_in_list(l->verbs, arg))
		return true;
	if (*leading) {
		(*leading)--;
		return true;
	}
	if (l->kind == SERVICE_JAVA)
		return arg.p[0] == '@'; /* a file of further arguments */
	if (l->kind != SERVICE_MODULE)
		return false;
	return l->runs || !(service_is_module(arg) || memchr(arg.p, '/', arg.n));
}

static bool argv_launch(struct argv_look *look, const struct service_launcher *l, struct slice self,
			struct slice args)
{
	unsigned int leading = l->leading;
	struct slice arg, opt, value, from;
	bool options = true;

	if (look->depth >= SERVICE_DEPTH_MAX)
		return false;
	look->depth++;
	if (l->kind == SERVICE_HERE)
		return argv_set_here(look, self);
	for (from = args; argv_next(&args, &arg); from = args) {
		bool plus = l->kind == SERVICE_SHELL && arg.n > 1 && arg.p[0] == '+';

		if (options && slice_eq(arg, SLICE("--"))) {
			options = false;
		} else if (options && arg.n > 1 && (arg.p[0] == '-' || plus)) {
			enum argv_option what = argv_option(l, arg, &args, &opt, &value);

			if (what == ARGV_INLINE)
				return false;
			if (what == ARGV_RUNS)
				return argv_runs(look, l, opt, value, args) ||
				       (l->kind == SERVICE_MODULE && argv_set(look, self, false));
		} else if (!argv_passed_over(l, arg, &leading)) {
			return argv_target(look, l, arg, args, from) ||
			       (l->kind == SERVICE_MODULE && argv_set(look, self, false));
		}
	}
	return l->kind == SERVICE_MODULE && argv_set_here(look, self);
}

/* A whole command line: [NAME=VALUE ...] COMMAND ARGUMENT ... */
static bool argv_command(struct argv_look *look, struct slice args)
{
	const struct service_launcher *l;
	struct slice first;

	do {
		if (!argv_next(&args, &first))
			return false;
	} while (first.n == 0 || argv_is_assignment(first));
	if (first.p[0] == '$' || first.p[0] == '`')
		return false;
	l = service_launcher(service_base(first));
	if (l)
		return argv_launch(look, l, service_base(first), args);
	return argv_set(look, service_from_script(first, look->in->cwd), false);
}

/* ---- the process itself ---- */

static bool argv_is_title(struct slice first)
{
	return memmem(first.p, first.n, ": ", 2) || (first.n && first.p[first.n - 1] == ':');
}

/* What an interpreter's title says: its trailing [x.main:app], else its first word. */
static bool argv_title(struct argv_look *look, const struct service_launcher *exe,
		       struct slice title)
{
	struct slice word;
	const uint8_t *open;

	while (title.n && title.p[title.n - 1] == ' ')
		title.n--;
	if (title.n && title.p[title.n - 1] == ']') {
		open = memrchr(title.p, '[', title.n);
		word = open ? slice_make(open + 1, (size_t)(title.p + title.n - open - 2))
			    : SLICE("");
		if (word.n && exe->kind == SERVICE_PYTHON && service_is_module(word))
			return argv_set(look, service_from_module(word, look->in->cwd), false);
		if (word.n && !memchr(word.p, ' ', word.n))
			return argv_set(look, word, false);
	}
	while (title.n && title.p[0] == '[') {
		title.p++;
		title.n--;
	}
	for (word = title, word.n = 0; word.n < title.n; word.n++)
		if (strchr(" :]", title.p[word.n]))
			break;
	return argv_set(look, service_base(word), false);
}

void service_from_argv(const struct service_input *in, struct service_found *found)
{
	const struct service_launcher *exe = service_launcher(service_base(in->exe)), *l;
	struct argv_look look = {.in = in, .found = found};
	struct slice args = in->argv, first, base;

	found->bytes = 0;
	found->script = SLICE("");
	if (!argv_next(&args, &first) || first.n == 0)
		return;
	if (argv_is_title(first)) {
		if (service_is_interpreter(exe))
			argv_title(&look, exe, first);
		return;
	}
	base = service_base(first);
	if (base.n > 1 && base.p[0] == '-') { /* a login shell */
		base.p++;
		base.n--;
	}
	l = service_launcher(base);
	/* A native program that only shares its name with a launcher of Ruby. */
	if (l && l->kind == SERVICE_HERE && in->exe.n && !service_is_interpreter(exe))
		return;
	if (!l && service_is_interpreter(exe)) {
		struct slice rest = args, next = SLICE("");

		while (next.n == 0 && argv_next(&rest, &next))
			;
		if (next.n == 0) { /* a title of its own: prctl, process.title */
			argv_title(&look, exe, first);
			return;
		}
		l = exe;
	} else if (!l && exe && exe->kind == SERVICE_SHELL) {
		l = exe;
	}
	if (l)
		argv_launch(&look, l, base, args);
}
