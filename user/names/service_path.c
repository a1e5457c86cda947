// SPDX-License-Identifier: GPL-2.0-or-later
#include "names/service_argv.h"

static const char *const path_extensions[] = {
	".py",   ".pyc", ".pyw", ".pyz", ".js",  ".mjs", ".cjs",  ".ts",
	".mts",  ".cts", ".tsx", ".rb",  ".pl",  ".php", ".phar", ".sh",
	".bash", ".lua", ".dll", ".R",   ".jar", ".war", ".ear",
};

static bool path_ends(struct slice s, const char *end)
{
	size_t n = strlen(end);

	return s.n > n && memcmp(s.p + s.n - n, end, n) == 0;
}

/* A link of /proc to a file or directory that is gone says so. */
static struct slice path_alive(struct slice path)
{
	if (path_ends(path, " (deleted)"))
		path.n -= strlen(" (deleted)");
	return path;
}

/* What stands behind the last `by`; the whole when there is none. */
static struct slice path_last(struct slice s, char by)
{
	const uint8_t *at = memrchr(s.p, by, s.n);

	return at ? slice_make(at + 1, (size_t)(s.p + s.n - at - 1)) : s;
}

/* What stands before the last `by`; empty when there is none. */
static struct slice path_before_last(struct slice s, char by)
{
	const uint8_t *at = memrchr(s.p, by, s.n);

	return slice_make(s.p, at ? (size_t)(at - s.p) : 0);
}

static struct slice path_trim(struct slice path)
{
	path = path_alive(path);
	while (path.n && path.p[path.n - 1] == '/')
		path.n--;
	return path;
}

struct slice service_base(struct slice path)
{
	return path.n ? path_last(path_trim(path), '/') : path;
}

struct slice service_dir_name(struct slice cwd)
{
	struct slice dir = service_base(cwd), up;

	if (dir.n == 0 || !service_is_layout(dir))
		return dir;
	up = path_last(path_before_last(path_trim(cwd), '/'), '/');
	return up.n && !service_is_layout(up) && !service_is_system_dir(up) ? up : dir;
}

static struct slice path_without_extension(struct slice base)
{
	for (size_t i = 0; i < sizeof(path_extensions) / sizeof(path_extensions[0]); i++) {
		if (path_ends(base, path_extensions[i])) {
			base.n -= strlen(path_extensions[i]);
			break;
		}
	}
	return base;
}

/* The innermost directory above a file that says something; then the working directory's name. */
static struct slice path_of_generic(struct slice file, struct slice cwd)
{
	struct slice dir = path_before_last(file, '/'), name;

	for (struct slice d = dir; d.n; d = path_before_last(d, '/')) {
		name = path_last(d, '/');
		if (service_is_system_dir(name))
			break;
		if (name.n && !service_is_layout(name))
			return name;
	}
	name = SLICE("");
	if (file.n && file.p[0] == '/')
		name = service_dir_name(dir);
	if (service_is_system_dir(name))
		name.n = 0;
	return name.n ? name : service_dir_name(cwd);
}

struct slice service_from_script(struct slice script, struct slice cwd)
{
	static const char modules[] = "node_modules/";
	const uint8_t *at;
	struct slice base;

	/* A tool out of node_modules serves the project it is installed in. */
	at = memmem(script.p, script.n, modules, sizeof(modules) - 1);
	if (at && at > script.p && at[-1] == '/')
		return path_of_generic(slice_make(script.p, (size_t)(at - script.p)), cwd);
	if (at == script.p && at)
		return service_dir_name(cwd);
	base = path_without_extension(service_base(script));
	return base.n && !service_is_generic(base) ? base : path_of_generic(script, cwd);
}

struct slice service_from_module(struct slice module, struct slice cwd)
{
	const uint8_t *colon = memchr(module.p, ':', module.n);

	if (colon)
		module.n = (size_t)(colon - module.p);
	if (memchr(module.p, '/', module.n) || path_ends(module, ".py"))
		return service_from_script(module, cwd);
	while (module.n) {
		struct slice last = path_last(module, '.');

		if (last.n && !service_is_generic(last))
			return last;
		module = path_before_last(module, '.');
	}
	return service_dir_name(cwd);
}

bool service_is_module(struct slice text)
{
	bool head = true; /* an identifier begins here */

	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];
		bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';

		if (c == ':')
			return !head; /* the object behind it may be a call or an attribute */
		if (c == '.'
			    ? head
			    : !(letter || c == '_' || c >= 0x80 || (!head && c >= '0' && c <= '9')))
			return false;
		head = c == '.';
	}
	return !head;
}

struct slice service_from_class(struct slice class_name, struct slice cwd)
{
	static const char boot[] = "org.springframework.boot.loader.";
	struct slice full = path_last(class_name, '/'), last;
	struct slice known = service_known_class(full);

	if (known.n)
		return known;
	/* Spring Boot's loaders run what is packed beside them. */
	if (full.n > sizeof(boot) && memcmp(full.p, boot, sizeof(boot) - 1) == 0)
		return service_dir_name(cwd);
	for (struct slice s = full; s.n; s = path_before_last(s, '.')) {
		last = path_last(s, '.');
		if (s.n == full.n && path_ends(last, "Kt")) /* Kotlin's class of a file */
			last.n -= 2;
		if (last.n && !service_is_generic(last))
			return last;
	}
	return service_dir_name(cwd);
}

/* a-1.2-SNAPSHOT -> a: from the first `-` on that a figure, or `v` and a figure, follows. */
static struct slice path_without_version(struct slice s)
{
	if (path_ends(s, "-SNAPSHOT"))
		s.n -= strlen("-SNAPSHOT");
	for (size_t i = 1; i + 1 < s.n; i++) {
		size_t at = i + 1;

		if (s.p[i] != '-')
			continue;
		if (s.p[at] == 'v' && at + 1 < s.n)
			at++;
		if (s.p[at] >= '0' && s.p[at] <= '9')
			return slice_make(s.p, i);
	}
	return s;
}

struct slice service_from_jar(struct slice jar, struct slice cwd)
{
	struct slice base = path_without_version(path_without_extension(service_base(jar)));

	return base.n && !service_is_generic(base) ? base : path_of_generic(jar, cwd);
}
