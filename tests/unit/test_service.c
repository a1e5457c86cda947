// SPDX-License-Identifier: GPL-2.0-or-later
#include "names/service.h"
#include "test.h"

#define ARGS_MAX 512

struct service_case {
	const char *command; /* words with one blank between; a word may be in '...' */
	const char *name;
	const char *exe; /* NULL: /usr/bin/ and the first word's last part */
	const char *cwd;
	const char *package;
};

#define PY   "/usr/bin/python3.11"
#define JAVA "/usr/lib/jvm/java-17-openjdk-amd64/bin/java"
#define RUBY "/usr/bin/ruby3.1"
#define NODE "/usr/bin/node"

#define RUN(c, n, e)                                                                               \
	{                                                                                          \
		.command = (c), .name = (n), .exe = (e)                                            \
	}
#define RUN_IN(c, n, e, dir)                                                                       \
	{                                                                                          \
		.command = (c), .name = (n), .exe = (e), .cwd = (dir)                              \
	}
#define RUN_PKG(c, n, e, dir, pk)                                                                  \
	{                                                                                          \
		.command = (c), .name = (n), .exe = (e), .cwd = (dir), .package = (pk)             \
	}

/* clang-format off */
static const struct service_case cases[] = {
	/* the forms the contract names */
	RUN("uvicorn hook_receiver.main:app", "hook_receiver", PY),
	RUN("python -m x", "x", PY),
	RUN("java -jar a-1.2.jar", "a", JAVA),
	RUN_PKG("node server.js", "hook-ui", NODE, "/srv/ui", "hook-ui"),
	RUN("'postgres: writer process'", "postgres", "/usr/lib/postgresql/15/bin/postgres"),

	/* uvicorn */
	RUN("/usr/bin/python3 /usr/local/bin/uvicorn hook_receiver.main:app", "hook_receiver", PY),
	RUN_IN("/usr/bin/python3 /usr/local/bin/uvicorn main:app", "shop", PY, "/srv/shop"),
	RUN("uvicorn --host 0.0.0.0 --port 8001 pkg.mod:app", "mod", PY),
	RUN("uvicorn --host 0.0.0.0 --port 8001 --reload pkg.main:app", "pkg", PY),
	RUN("uvicorn --factory pkg.main:create_app --workers 4", "pkg", PY),
	RUN("uvicorn --no-access-log --log-level info orders:app", "orders", PY),
	RUN("uvicorn --app-dir src --port=80 orders.asgi:app", "orders", PY),
	RUN_IN("uvicorn app.main:app", "billing", PY, "/home/bob/billing"),
	RUN_IN("uvicorn app.main:app", "billing", PY, "/home/bob/billing/app"),
	RUN_IN("uvicorn main:app", "app", PY, "/app"),
	RUN_IN("uvicorn main:app", "app", PY, "/srv/app"),
	RUN_IN("uvicorn main:app", "uvicorn", PY, "/"),
	RUN("uvicorn main:app", "uvicorn", PY),
	RUN("uvicorn a.b.c.server:app", "c", PY),
	RUN("uvicorn hook_receiver.main:app", "hook_receiver", "/usr/local/bin/uvicorn"),
	RUN("python -m uvicorn a.main:app", "a", PY),
	RUN("python3 -m uvicorn --host ::1 a.main:app", "a", PY),
	RUN("python3 -m uvicorn.main a.main:app", "a", PY),

	/* gunicorn, hypercorn and their kind */
	RUN("python -m gunicorn -w 4 -k uvicorn.workers.UvicornWorker svc.main:app", "svc", PY),
	RUN("/srv/venv/bin/python /srv/venv/bin/gunicorn -w4 -b unix:app.sock shop.wsgi", "shop", PY),
	RUN("gunicorn shop.wsgi:application --bind localhost:8000", "shop", PY),
	RUN("gunicorn --bind localhost:8000 --preload shop.wsgi:application", "shop", PY),
	RUN("gunicorn -D -R -c gunicorn.conf shop:create_app()", "shop", PY),
	RUN_IN("gunicorn -c conf.py", "shop", PY, "/srv/shop"),
	RUN("'gunicorn: master [svc.main:app]'", "svc", PY),
	RUN("'gunicorn: worker [shop]'", "shop", PY),
	RUN("hypercorn -b 0.0.0.0:80 -w 2 billing.asgi:app", "billing", PY),
	RUN("hypercorn --bind localhost:80 --reload billing:app", "billing", PY),
	RUN("daphne -b 0.0.0.0 -p 8001 proj.asgi:application", "proj", PY),
	RUN_IN("granian --interface asgi --no-ws main:app", "quotes", PY, "/srv/quotes"),
	RUN_IN("fastapi run app/main.py --port 80", "quotes", PY, "/srv/quotes"),
	RUN_IN("fastapi dev quotes/main.py", "quotes", PY, "/"),
	RUN("streamlit run dash.py", "dash", PY),
	RUN("celery -A proj worker -l info", "proj", PY),
	RUN("celery worker --app=proj.tasks:app -B", "tasks", PY),
	RUN("'[celeryd: celery@host:MainProcess] -active- (worker)'", "celeryd", PY),
	RUN("flask --app hook run --port 5000", "hook", PY),
	RUN_IN("flask run", "shop", PY, "/srv/shop"),
	RUN("python3 -m flask --debug -A shop.app:create run", "shop", PY),
	RUN("uwsgi --http :80 --master --module shop.wsgi:app", "shop", "/usr/bin/uwsgi-core"),
	RUN("uwsgi --wsgi-file /srv/hook/wsgi.py", "hook", "/usr/bin/uwsgi-core"),
	RUN("ddtrace-run uvicorn hook.main:app", "hook", PY),
	RUN("opentelemetry-instrument --traces_exporter console python worker.py", "worker", PY),
	RUN("python -m debugpy --listen 0.0.0.0:5678 -m uvicorn hook.main:app", "hook", PY),

	/* python */
	RUN("python -u -X dev script.py", "script", PY),
	RUN("python3.11 -um hook_receiver --port 1", "hook_receiver", PY),
	RUN("python -mhook", "hook", PY),
	RUN("python -W ignore -OO -m pkg.__main__", "pkg", PY),
	RUN("python -m http.server 8000", "http", PY),
	RUN("python -m app.worker", "worker", PY),
	RUN("python -Wignore /opt/hook/main.py", "hook", PY),
	RUN("python /opt/hook/src/main.py", "hook", PY),
	RUN_IN("python main.py", "hook", PY, "/opt/hook"),
	RUN_IN("python ./src/main.py", "hook", PY, "/opt/hook"),
	RUN_IN("python /app/main.py", "app", PY, "/"),
	RUN_IN("python manage.py runserver", "shop", PY, "/srv/shop"),
	RUN_IN("python main.py", "python3.11", PY, "/"),
	RUN("/usr/bin/python3 -E -s /usr/bin/hook-receiver --port 1", "hook-receiver", PY),
	RUN("python -c 'import x'", "python3.11", PY),
	RUN("python -", "python3.11", PY),
	RUN("python3", "python3.11", PY),
	RUN("pypy3 -- bot.py", "bot", "/usr/bin/pypy3.9"),
	RUN("python -X importtime", "python3.11", PY),
	RUN("hookd", "hookd", PY),

	/* node */
	RUN_IN("node server.js", "ui", NODE, "/srv/ui"),
	RUN_IN("node /srv/ui/dist/index.js", "ui", NODE, "/"),
	RUN_IN("node worker.mjs", "worker", NODE, "/srv/ui"),
	RUN_IN("node -r dotenv/config --max-old-space-size=4096 server.js", "ui", NODE, "/srv/ui"),
	RUN("node --require ./trace.js --inspect api.js", "api", NODE),
	RUN("node --inspect=0.0.0.0:9229 -- api.js", "api", NODE),
	RUN_IN("node -e 'x()'", "node", NODE, "/srv/ui"),
	RUN_IN("node /srv/ui/node_modules/.bin/next start", "ui", NODE, "/"),
	RUN_IN("node node_modules/next/dist/bin/next start", "ui", NODE, "/srv/ui"),
	RUN("node /srv/ui/node_modules/.bin/tsx src/feed.ts", "feed", NODE),
	RUN("bun run feed.ts", "feed", "/usr/bin/bun"),
	RUN("deno run -A feed.ts", "feed", "/usr/bin/deno"),
	RUN("nodejs18 feed.js", "feed", "/usr/bin/nodejs18"),
	RUN("'npm start'", "npm", NODE),
	RUN_IN("node", "node", NODE, "/srv/ui"),
	RUN_PKG("node index.js", "@acme/web", NODE, "/srv/ui", "@acme/web"),

	/* java */
	RUN_IN("java -Xmx1g -cp x Main", "orders", JAVA, "/srv/orders"),
	RUN("java -Xmx512m -Xms512m -cp /opt/kafka/libs/* kafka.Kafka server.properties", "kafka", JAVA),
	RUN("java -cp LIB/* org.apache.kafka.tools.ProducerPerformance --topic t", "producerperformance",
	 JAVA),
	RUN("java -classpath a:b -Dx=y com.acme.OrderService", "orderservice", JAVA),
	RUN("java --class-path a:b com.acme.orders.Main", "orders", JAVA),
	RUN_IN("java --add-opens java.base/java.lang=ALL-UNNAMED -jar /srv/app.jar", "hook", JAVA,
	 "/var/lib/hook"),
	RUN_IN("java -jar /srv/shop/app.jar", "shop", JAVA, "/"),
	RUN("java -server -jar orders-service-2.10.3-SNAPSHOT-exec.jar", "orders-service", JAVA),
	RUN("java -jar orders-v3.war --server.port=80", "orders", JAVA),
	RUN("java -jar orders-SNAPSHOT.jar", "orders", JAVA),
	RUN("java -p mods -m com.acme.shop/com.acme.shop.Shop", "shop", JAVA),
	RUN("java --module-path=mods --module=com.acme.shop/com.acme.shop.Main", "shop", JAVA),
	RUN("java @jvm.args -cp x com.acme.BillingKt", "billing", JAVA),
	RUN("java -cp x org.apache.catalina.startup.Bootstrap start", "tomcat", JAVA),
	RUN_IN("java org.springframework.boot.loader.launch.JarLauncher", "shop", JAVA, "/srv/shop"),
	RUN("java -cp", "java", JAVA),
	RUN("java -version", "java", JAVA),
	RUN("dotnet Acme.Orders.dll", "Acme.Orders", "/usr/share/dotnet/dotnet"),

	/* ruby, php, perl */
	RUN("ruby -rbundler/setup worker.rb", "worker", RUBY),
	RUN("ruby -I lib -r json /srv/feed/app.rb", "feed", RUBY),
	RUN("ruby -e 1", "ruby3.1", RUBY),
	RUN_IN("ruby /usr/bin/puma -C config/puma.rb", "shop", RUBY, "/srv/shop"),
	RUN("'puma 5.6.4 (tcp://0.0.0.0:3000) [shop]'", "shop", RUBY),
	RUN("'puma: cluster worker 0: 1234 [shop]'", "shop", RUBY),
	RUN_IN("ruby /usr/bin/bundle exec puma", "shop", RUBY, "/srv/shop"),
	RUN_IN("ruby bin/rails server -p 80", "shop", RUBY, "/srv/shop"),
	RUN("'sidekiq 6.5.1 shop [0 of 5 busy]'", "sidekiq", RUBY),
	RUN_IN("puma", "puma", "/opt/cat/puma", "/srv/shop"),
	RUN("'php-fpm: pool www'", "php-fpm8.2", "/usr/sbin/php-fpm8.2"),
	RUN_IN("php -d a=b artisan serve", "shop", "/usr/bin/php8.2", "/srv/shop"),
	RUN("php -S 0.0.0.0:80 -t public router.php", "router", "/usr/bin/php8.2"),
	RUN("php -f /srv/feed/index.php", "feed", "/usr/bin/php8.2"),
	RUN("perl -w -I lib /usr/bin/spamd.pl", "spamd", "/usr/bin/perl"),
	RUN("perl -e 1", "perl", "/usr/bin/perl"),

	/* shells and wrappers */
	RUN("/bin/sh /usr/bin/backup.sh --now", "backup", "/usr/bin/dash"),
	RUN("sh -c 'exec uvicorn a.main:app --port 80'", "a", "/usr/bin/dash"),
	RUN("bash -lc 'cd /srv/x && exec python -m y'", "y", "/usr/bin/bash"),
	RUN("sh -ce 'PORT=80 node feed.js'", "feed", "/usr/bin/dash"),
	RUN("sh -c \"java -jar 'my app-1.0.jar'\"", "my app", "/usr/bin/dash"),
	RUN("sh -c 'export A=1; ulimit -n 99; nginx -g x'", "nginx", "/usr/bin/dash"),
	RUN("sh -c 'cd /x 2>&1 && exec hookd 2>&1'", "hookd", "/usr/bin/dash"),
	RUN("bash -c 'sleep 1 &> log; hookd --x'", "hookd", "/usr/bin/bash"),
	RUN("sh -c 'sleep 1 & hookd'", "hookd", "/usr/bin/dash"),
	RUN("bash /dev/fd/3", "bash", "/usr/bin/bash"),
	RUN("python3 /dev/stdin", "python3.11", PY),
	RUN("sh -c 'exec $CMD'", "dash", "/usr/bin/dash"),
	RUN("-bash", "bash", "/usr/bin/bash"),
	RUN("bash +O extglob -o pipefail job.sh", "job", "/usr/bin/bash"),
	RUN("env -S 'uvicorn a.main:app'", "a", "/usr/bin/env"),
	RUN("env -i -u X A=B python3 -m hook", "hook", "/usr/bin/env"),
	RUN("nice -n 5 ionice -c2 python3 -m hook", "hook", "/usr/bin/nice"),
	RUN("tini -g -- uvicorn hook.main:app", "hook", "/usr/bin/tini"),
	RUN("dumb-init gunicorn hook:app", "hook", "/usr/bin/dumb-init"),
	RUN("timeout -k 5 10 python3 -m hook", "hook", "/usr/bin/timeout"),
	RUN("taskset -c 0 redis-server", "redis-server", "/usr/bin/taskset"),
	RUN("setpriv --reuid=1000 --clear-groups python3 -m hook", "hook", "/usr/bin/setpriv"),
	RUN("sudo -u www python3 -m hook", "hook", "/usr/bin/sudo"),
	RUN("env env env env env env env env env env env x", "env", "/usr/bin/env"),

	/* everything else: the executable */
	RUN("'nginx: worker process'", "nginx", "/usr/sbin/nginx"),
	RUN("nginx -g 'daemon off;'", "nginx", "/usr/sbin/nginx"),
	RUN("postgres -D data", "postgres", "/usr/lib/postgresql/15/bin/postgres"),
	RUN("'postgres: bob shop 127.0.0.1(5) idle'", "postgres",
	 "/usr/lib/postgresql/15/bin/postgres (deleted)"),
	RUN("./hookd -x", "hookd", "/opt/hook/bin/hookd"),
	RUN("main", "main", "/opt/hook/main"),
	RUN("httpd -f", "httpd", "/bin/busybox"),
	RUN("/usr/bin/hookd", "hookd", ""),
	RUN("wrk -c 5 http://x", "wrk", NULL),
};
/* clang-format on */

/* The words of a command NUL-separated, each behind its quotes; returns bytes. */
static size_t split(const char *command, char *out)
{
	char quote = 0;
	size_t n = 0;

	for (const char *p = command; *p; p++) {
		if (quote ? *p == quote : (*p == '\'' && quote == 0) || *p == '"')
			quote = quote ? 0 : *p;
		else
			out[n++] = (char)(*p == ' ' && !quote ? '\0' : *p);
	}
	out[n++] = '\0';
	return n;
}

static void name_of(const struct service_case *c, size_t cut, char out[SERVICE_NAME_BYTES + 1])
{
	char argv[ARGS_MAX], exe[ARGS_MAX + 16];
	struct service_input in = {.cwd = slice_str(c->cwd), .package = slice_str(c->package)};
	size_t n = split(c->command, argv);
	uint8_t *exact;

	if (cut < n)
		n = cut;
	exact = test_exact(argv, n);
	snprintf(exe, sizeof(exe), "/usr/bin/%s", argv);
	in.exe = c->exe ? slice_str(c->exe) : slice_str(exe);
	in.argv = slice_make(exact, n);
	memset(out, 'Z', SERVICE_NAME_BYTES + 1);
	CHECK_EQ(service_name(&in, out), strlen(out));
	(void)service_script(&in);
	free(exact);
}

TEST(command_lines)
{
	char out[SERVICE_NAME_BYTES + 1];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		name_of(&cases[i], SIZE_MAX, out);
		if (strcmp(out, cases[i].name))
			printf("# %s\n", cases[i].command);
		CHECK_STR(out, cases[i].name);
	}
	CHECK(sizeof(cases) / sizeof(cases[0]) >= 60);
}

/* The kernel cuts argv at its limit, wherever that is. */
TEST(command_lines_cut_anywhere)
{
	char out[SERVICE_NAME_BYTES + 1], argv[ARGS_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = split(cases[i].command, argv);

		for (size_t cut = 0; cut <= n; cut++) {
			name_of(&cases[i], cut, out);
			CHECK(out[0] && out[0] != 'Z');
		}
	}
}

/* Titles leave the rest of the old command line as NULs. */
TEST(padding_behind_the_title)
{
	static const char title[64] = "gunicorn: worker [svc.main:app]";
	static const char own[64] = "hookd";
	struct service_input in = {.exe = slice_str(PY), .argv = slice_make(title, sizeof(title))};
	char out[SERVICE_NAME_BYTES + 1];

	service_name(&in, out);
	CHECK_STR(out, "svc");
	in.argv = slice_make(own, sizeof(own));
	service_name(&in, out);
	CHECK_STR(out, "hookd");
}

#define EXPECT(in, want)                                                                           \
	do {                                                                                       \
		char name[SERVICE_NAME_BYTES + 1];                                                 \
		CHECK_EQ(service_name(in, name), strlen(want));                                    \
		CHECK_STR(name, want);                                                             \
	} while (0)

TEST(sources_in_their_order)
{
	struct service_input in = {0};

	EXPECT(&in, "unknown");
	in.exe = SLICE("/usr/bin/python3.11");
	EXPECT(&in, "python3.11");
	in.argv = SLICE("python3\0-m\0hook");
	EXPECT(&in, "hook");
	in.unit = SLICE("hook-receiver.service");
	EXPECT(&in, "hook-receiver");
	in.container = SLICE("hooks-pod");
	EXPECT(&in, "hooks-pod");
	in.otel_resource_attributes = SLICE("a=b,service.name=from-attributes,c=d");
	EXPECT(&in, "from-attributes");
	in.otel_service_name = SLICE("from otel");
	EXPECT(&in, "from otel");
	in.rule = SLICE("ruled");
	EXPECT(&in, "ruled");
}

TEST(blank_sources_do_not_count)
{
	struct service_input in = {.rule = SLICE("  "),
				   .otel_service_name = SLICE("\t "),
				   .otel_resource_attributes = SLICE("service.name= ,x=y"),
				   .unit = SLICE(" "),
				   .exe = SLICE("/usr/bin/x")};

	EXPECT(&in, "x");
}

TEST(resource_attributes)
{
	struct service_input in = {.otel_resource_attributes =
					   SLICE("service.namespace=n, service.name = a%20b%2cc ")};

	EXPECT(&in, "a b,c");
	in.otel_resource_attributes = SLICE("service.name=50%");
	EXPECT(&in, "50%");
	in.otel_resource_attributes = SLICE("service.name=a%zz%4");
	EXPECT(&in, "a%zz%4");
	in.otel_resource_attributes = SLICE("xservice.name=a,service.name");
	EXPECT(&in, "unknown");
	in.otel_resource_attributes = SLICE("service.name=a%0Ab");
	EXPECT(&in, "a_b");
	in.otel_resource_attributes = SLICE(",,=,service.name=z,");
	EXPECT(&in, "z");
}

TEST(workers_of_multiprocessing)
{
	struct service_input in = {
		.exe = slice_str(PY),
		.argv = SLICE("/usr/bin/python3\0-c\0from multiprocessing.spawn import spawn_main; "
			      "spawn_main(tracker_fd=5)\0--multiprocessing-fork\0"),
	};

	EXPECT(&in, "python3.11");
	in.parent = SLICE("hook_receiver");
	EXPECT(&in, "hook_receiver");
	in.argv = SLICE("python3\0-m\0other");
	EXPECT(&in, "other");
}

TEST(names_are_clean_and_short)
{
	struct service_input in = {.rule = SLICE("a\nb\x01\x7f\"c\\")};
	char out[SERVICE_NAME_BYTES + 1], text[SERVICE_NAME_BYTES * 2];

	EXPECT(&in, "a_b__\"c\\");
	in.rule = SLICE("caf\xc3\xa9");
	EXPECT(&in, "caf\xc3\xa9");
	in.rule = SLICE("bad\xc3(\xff\xc2\x85x\xed\xa0\x80");
	EXPECT(&in, "bad_(___x___");
	/* a cut never splits a character */
	for (size_t lead = 0; lead < 4; lead++) {
		size_t n = lead;

		memset(text, 'a', lead);
		while (n + 3 <= sizeof(text)) {
			memcpy(text + n, "\xe2\x82\xac", 3);
			n += 3;
		}
		in.rule = slice_make(text, n);
		CHECK_EQ(service_name(&in, out), lead + (SERVICE_NAME_BYTES - lead) / 3 * 3);
	}
	memset(text, 'a', sizeof(text));
	text[SERVICE_NAME_BYTES - 1] = ' ';
	in.rule = slice_make(text, sizeof(text));
	CHECK_EQ(service_name(&in, out), SERVICE_NAME_BYTES - 1);
}

TEST(scripts_of_node)
{
	struct service_input in = {.exe = slice_str(NODE),
				   .argv = SLICE("node\0-r\0x\0dist/index.js\0--port\0")};
	struct slice script = service_script(&in);

	CHECK(slice_eq(script, SLICE("dist/index.js")));
	CHECK(script.p >= in.argv.p && script.p < in.argv.p + in.argv.n);
	in.package = SLICE("ui");
	CHECK(slice_eq(service_script(&in), SLICE("dist/index.js")));
	in.argv = SLICE("node\0-e\0x()");
	CHECK_EQ(service_script(&in).n, 0);
	in.argv = SLICE("sh\0-c\0exec node a.js");
	in.exe = SLICE("/bin/dash");
	CHECK_EQ(service_script(&in).n, 0);
	in.argv = SLICE("python\0a.py");
	in.exe = slice_str(PY);
	CHECK_EQ(service_script(&in).n, 0);
}

TEST(units)
{
	static const struct {
		const char *cgroup, *unit;
	} units[] = {
		{"/system.slice/nginx.service", "nginx.service"},
		{"/system.slice/system-postgresql.slice/postgresql@15-main.service",
		 "postgresql@15-main.service"},
		{"/system.slice/x.service/inner/deeper", "x.service"},
		{"/user.slice/user-0.slice/user@0.service/app.slice/y.service", "y.service"},
		{"/user.slice/user-0.slice/user@0.service/app.slice/vte.scope", ""},
		{"/user.slice/user-0.slice/session-3.scope", ""},
		{"/system.slice/docker-0123.scope", ""},
		{"/init.scope", ""},
		{"/.service", ""},
		{"/", ""},
		{"", ""},
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		CHECK(slice_eq(service_unit(slice_str(units[i].cgroup)), slice_str(units[i].unit)));
}

/* Whatever bytes a process chooses as its command line: a name comes out, nothing is over-read. */
TEST(arbitrary_bytes)
{
	static const char *const words[] = {"python3", "-m",   "uvicorn", "sh",  "-c",   "node",
					    "java",    "-jar", "env",     "-S",  "",     "\"'$;&&",
					    ": ",      "[a]",  "a.b:c",   "/",   "-",    "--",
					    "-ux",     "main", "x=y",     "..",  ".",    "\xff\xfe",
					    "]",       "-cp",  "--app=",  "run", "exec", "a/b/"};
	uint32_t seed = 1;

	for (int round = 0; round < 200000; round++) {
		char argv[256], out[SERVICE_NAME_BYTES + 1];
		struct service_input in = {0};
		size_t n = 0;
		uint8_t *exact;

		for (int w = 0; w < 8; w++) {
			const char *word;

			seed = seed * 1664525 + 1013904223;
			word = words[(seed >> 16) % (sizeof(words) / sizeof(words[0]))];
			memcpy(argv + n, word, strlen(word));
			n += strlen(word);
			argv[n++] = (char)(seed >> 30 ? '\0' : ' ');
		}
		exact = test_exact(argv, n);
		in.argv = in.exe = in.cwd = slice_make(exact, n);
		in.exe = round & 1 ? slice_str(PY) : in.exe;
		CHECK(service_name(&in, out) > 0);
		(void)service_script(&in);
		(void)service_unit(in.argv);
		free(exact);
	}
}
