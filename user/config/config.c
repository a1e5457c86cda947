// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config/option.h"

struct config_args {
	int argc;
	char **argv;
	FILE *err;
};

static __attribute__((format(printf, 2, 3))) int config_fail(FILE *err, const char *format, ...)
{
	va_list args;

	fputs("redtap: ", err);
	va_start(args, format);
	vfprintf(err, format, args);
	va_end(args);
	fputc('\n', err);
	return -EINVAL;
}

static int config_set(const struct option *o, struct config *c, const char *text, const char *label,
		      FILE *err)
{
	char expected[OPTION_EXPECTED_BYTES];
	int r = option_set(o, c, text);

	if (r == 0 || r == -ENOMEM)
		return r;
	if (r == -E2BIG)
		return config_fail(err, "%s: more than %d rules", label, CONFIG_RULES_MAX);
	return config_fail(err, "%s: \"%s\" is not valid, expected %s", label, text,
			   option_expected(o, expected));
}

static int config_preset(struct config *c)
{
	int r = 0;

	for (size_t i = 0; i < options_count && r == 0; i++)
		if (options[i].preset)
			r = option_set(&options[i], c, options[i].preset);
	return r;
}

/* REDTAP_*; an empty value is as good as none. A list holds its elements between blanks. */
static int config_load_variable(const struct option *o, struct config *c, FILE *err)
{
	char name[OPTION_NAME_BYTES], *copy, *save, *part;
	const char *value = getenv(option_variable(o, name));
	int r = 0;

	if (!value || !*value)
		return 0;
	if (!option_is_list(o))
		return config_set(o, c, value, name, err);
	copy = save = strdup(value);
	if (!copy)
		return -ENOMEM;
	option_clear(o, c);
	while (r == 0 && (part = strsep(&save, " ")))
		if (*part)
			r = config_set(o, c, part, name, err);
	free(copy);
	return r;
}

static int config_load_environment(struct config *c, FILE *err)
{
	int r = 0;

	for (size_t i = 0; i < options_count && r == 0; i++)
		if (option_has_flag(&options[i]) && !options[i].not_in_file)
			r = config_load_variable(&options[i], c, err);
	return r;
}

/* A word of the command line that is no option. */
static int config_word(struct config *c, const char *word, bool *seen, FILE *err)
{
	if (*seen)
		return config_fail(err, "unexpected argument \"%s\", see redtap --help", word);
	*seen = true;
	if (strcmp(word, "run") == 0)
		c->command = CONFIG_RUN;
	else if (strcmp(word, "check") == 0)
		c->command = CONFIG_CHECK;
	else
		return config_fail(err, "unknown command \"%s\", expected run or check", word);
	return 0;
}

/* Whether it is one of the options that end everything. */
static bool config_final(struct config *c, const char *arg)
{
	if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0)
		c->command = CONFIG_HELP;
	else if (strcmp(arg, "--version") == 0 || strcmp(arg, "-V") == 0)
		c->command = CONFIG_VERSION;
	else
		return false;
	return true;
}

/*
 * Goes over the command line. First for the file's name only (`first`), as the file is read before
 * the other options are set; all mistakes but those in values are found then.
 */
static int config_load_args(const struct config_args *args, struct config *c, bool first)
{
	bool command_seen = false, cleared = false;
	FILE *err = args->err;
	int r = 0;

	for (int i = 1; i < args->argc && r == 0; i++) {
		const char *arg = args->argv[i], *eq, *value;
		const struct option *o;
		char label[OPTION_NAME_BYTES];

		if (config_final(c, arg))
			return 0;
		if (arg[0] != '-') {
			r = config_word(c, arg, &command_seen, err);
			continue;
		}
		eq = strchr(arg, '=');
		o = strncmp(arg, "--", 2)
			    ? NULL
			    : option_by_flag(arg + 2,
					     (size_t)(eq ? eq - arg - 2 : (long)strlen(arg) - 2));
		if (!o)
			return config_fail(err, "unknown option \"%s\", see redtap --help", arg);
		value = eq ? eq + 1 : args->argv[++i];
		if (i >= args->argc)
			return config_fail(err, "--%s needs a value: %s", o->name, o->meta);
		if (o->not_in_file != first)
			continue;
		if (option_is_list(o) && !cleared) {
			option_clear(o, c);
			cleared = true;
		}
		snprintf(label, sizeof(label), "--%s", o->name);
		r = config_set(o, c, value, label, err);
	}
	return r;
}

static int config_load_all(const struct config_args *args, struct config *c)
{
	const struct option *file = option_by_flag("config", strlen("config"));
	int r;

	r = config_preset(c);
	if (r == 0)
		r = config_load_variable(file, c, args->err);
	if (r == 0)
		r = config_load_args(args, c, true);
	if (r || c->command == CONFIG_HELP || c->command == CONFIG_VERSION)
		return r;
	if (c->file)
		r = yaml_load(c->file, c, args->err);
	if (r == 0)
		r = config_load_environment(c, args->err);
	return r ? r : config_load_args(args, c, false);
}

int config_load(int argc, char **argv, struct config *out, FILE *err)
{
	struct config_args args = {argc, argv, err};
	struct config c = {.command = CONFIG_RUN};
	int r = config_load_all(&args, &c);

	if (r) {
		config_free(&c);
		return r;
	}
	*out = c;
	return 0;
}

void config_free(struct config *c)
{
	for (size_t i = 0; c && i < options_count; i++)
		option_clear(&options[i], c);
}

int config_diff(const struct config *a, const struct config *b,
		void (*each)(void *arg, const char *option, bool reloads), void *arg)
{
	int n = 0;

	for (size_t i = 0; i < options_count; i++) {
		if (option_equal(&options[i], a, b))
			continue;
		n++;
		if (each)
			each(arg, options[i].name, options[i].reloads);
	}
	return n;
}

#define HELP_COLUMN 25
#define HELP_WIDTH  100

static void config_print_wrapped(FILE *out, const char *text)
{
	size_t used = 0;

	while (*text) {
		size_t n = strcspn(text, " ");

		if (used && HELP_COLUMN + used + 1 + n > HELP_WIDTH) {
			fprintf(out, "\n%*s", HELP_COLUMN, "");
			used = 0;
		}
		used += (size_t)fprintf(out, "%s%.*s", used ? " " : "", (int)n, text);
		text += n + (text[n] == ' ');
	}
	fputc('\n', out);
}

static void config_print_option(FILE *out, const struct option *o)
{
	char text[512];
	int used = fprintf(out, "  --%s %s", o->name, o->meta);

	fprintf(out, used < HELP_COLUMN ? "%*s" : "\n%*s",
		used < HELP_COLUMN ? HELP_COLUMN - used : HELP_COLUMN, "");
	snprintf(text, sizeof(text), o->preset ? "%s [%s]" : "%s", o->help, o->preset);
	config_print_wrapped(out, text);
}

void config_print_help(FILE *out)
{
	char key[OPTION_NAME_BYTES];

	fputs("redtap watches the HTTP, PostgreSQL and Kafka traffic of this host and serves metrics of "
	      "it.\n\n"
	      "Usage: redtap [run] [OPTION...]   observe until SIGTERM; SIGHUP reads the "
	      "configuration again\n"
	      "       redtap check [OPTION...]   tell what this kernel offers and what is missing\n"
	      "       redtap --version | --help\n\n"
	      "Options:\n",
	      out);
	for (size_t i = 0; i < options_count; i++)
		if (option_has_flag(&options[i]))
			config_print_option(out, &options[i]);
	fputs("\nEach is also an environment variable (REDTAP_LOG_LEVEL) and a key of the file "
	      "(log_level).\nThe command line wins over the environment, that over the file. Only in "
	      "the file:\n",
	      out);
	for (size_t i = 0; i < options_count; i++)
		if (!option_has_flag(&options[i]))
			fprintf(out, "  %-23s%s\n", option_key(&options[i], key), options[i].help);
}
