// SPDX-License-Identifier: GPL-2.0-or-later
#include "names/service_argv.h"

/* clang-format off */
static const struct service_launcher launchers[] = {
	/* python3(1) */
	{ .names = " python pypy ", .kind = SERVICE_PYTHON, .clusters = true,
	  .runs = " -m ", .inline_ = " -c ", .valued = " -W -X -Q --check-hash-based-pycs " },

	/* servers and task runners of Python: an application is named by its module */
	{ .names = " uvicorn ", .kind = SERVICE_MODULE,
	  .flags = " --reload --use-colors --proxy-headers --server-header --date-header --access-log"
		   " --factory --version --help " },
	{ .names = " gunicorn ", .kind = SERVICE_MODULE, .clusters = true,
	  .flags = " -D --daemon -R --enable-stdio-inheritance --reload --preload --spew"
		   " --check-config --print-config --capture-output --log-syslog --initgroups"
		   " --proxy-protocol --reuse-port --strip-header-spaces --suppress-ragged-eofs"
		   " --do-handshake-on-connect --disable-redirect-access-to-syslog"
		   " --permit-unconventional-http-method --permit-unconventional-http-version"
		   " --permit-obsolete-folding --casefold-http-method"
		   " -v --version -h --help " },
	{ .names = " hypercorn ", .kind = SERVICE_MODULE, .clusters = true,
	  .flags = " --debug --reload --daemon -D --version --help -h " },
	{ .names = " daphne ", .kind = SERVICE_MODULE, .clusters = true, .flags = " --proxy-headers --help -h " },
	{ .names = " granian ", .kind = SERVICE_MODULE, .clusters = true,
	  .flags = " --ws --access-log --reload --factory --respawn-failed-workers --version --help " },
	{ .names = " waitress-serve ", .kind = SERVICE_MODULE, .flags = " --call --help " },
	{ .names = " fastapi ", .kind = SERVICE_MODULE, .clusters = true, .verbs = " run dev ",
	  .flags = " --reload --proxy-headers --version --help -v " },
	{ .names = " streamlit ", .kind = SERVICE_MODULE, .clusters = true, .verbs = " run ", .flags = " --help " },
	{ .names = " celery flower ", .kind = SERVICE_MODULE, .clusters = true, .runs = " -A --app ",
	  .verbs = " worker beat flower events multi ",
	  .flags = " -B --beat -E --events -D --detach -q --quiet --no-color --without-gossip"
		   " --without-mingle --without-heartbeat --purge --discard --help --version " },
	{ .names = " flask ", .kind = SERVICE_MODULE, .clusters = true, .runs = " -A --app ",
	  .verbs = " run shell routes ",
	  .flags = " --debug --reload --debugger --with-threads --help --version " },
	{ .names = " uwsgi uwsgi-core ", .kind = SERVICE_MODULE, .clusters = true,
	  .runs = " -w --module --wsgi --wsgi-file --file ",
	  .flags = " --master -M --enable-threads --die-on-term --need-app --vacuum --lazy-apps"
		   " --single-interpreter --thunder-lock --strict --disable-logging -L " },
	{ .names = " ddtrace-run opentelemetry-instrument newrelic-admin ",
	  .kind = SERVICE_WRAPPER, .verbs = " run-program run ",
	  .valued = " --traces_exporter --metrics_exporter --logs_exporter --service_name"
		    " --exporter_otlp_endpoint " },
	{ .names = " debugpy ", .kind = SERVICE_PYTHON, .runs = " -m ", .inline_ = " -c ",
	  .valued = " --listen --connect --log-to --configure-subProcess --pid " },

	/* node(1), and what runs the same scripts */
	{ .names = " node nodejs iojs bun deno tsx ts-node nodemon ", .kind = SERVICE_NODE,
	  .inline_ = " -e --eval -p --print -pe ", .verbs = " run ",
	  .valued = " -r --require --import --loader --experimental-loader -C --conditions"
		    " --env-file --env-file-if-exists --input-type --title --icu-data-dir"
		    " --openssl-config --redirect-warnings --diagnostic-dir --watch-path"
		    " --config --project -P --watch -w " },

	/* java(1) */
	{ .names = " java ", .kind = SERVICE_JAVA, .runs = " -jar -m --module ",
	  .valued = " -cp -classpath --class-path -p --module-path --upgrade-module-path"
		    " --add-modules --add-opens --add-exports --add-reads --limit-modules"
		    " --patch-module --enable-native-access --source " },
	{ .names = " dotnet ", .kind = SERVICE_SCRIPT, .verbs = " exec run ",
	  .valued = " --additionalprobingpath --additional-deps --depsfile --fx-version"
		    " --roll-forward --runtimeconfig " },

	/* ruby(1), perlrun(1), php(1), lua(1) */
	{ .names = " ruby jruby truffleruby ", .kind = SERVICE_SCRIPT, .clusters = true,
	  .inline_ = " -e ", .valued = " -r -I -C -E --encoding --require " },
	{ .names = " perl ", .kind = SERVICE_SCRIPT, .clusters = true, .inline_ = " -e -E ",
	  .valued = " -I -M -m " },
	{ .names = " php ", .kind = SERVICE_SCRIPT, .clusters = true,
	  .inline_ = " -r -R --run ", .runs = " -f --file ",
	  .valued = " -c -d -z -B -E -F -S -t --php-ini --define --server --docroot " },
	{ .names = " lua luajit Rscript ", .kind = SERVICE_SCRIPT, .inline_ = " -e ",
	  .valued = " -l " },
	{ .names = " puma unicorn unicorn_rails thin rackup rails sidekiq passenger falcon artisan ",
	  .kind = SERVICE_HERE },
	{ .names = " bundle bundler ", .kind = SERVICE_WRAPPER, .verbs = " exec " },

	{ .names = " sh bash dash ash zsh ksh mksh ", .kind = SERVICE_SHELL, .clusters = true,
	  .runs = " -c ", .valued = " -o -O +O --rcfile --init-file " },

	/* What runs something else and mostly is gone by then, env(1) to timeout(1). */
	{ .names = " env ", .kind = SERVICE_WRAPPER, .clusters = true, .runs = " -S --split-string ",
	  .valued = " -u --unset -C --chdir " },
	{ .names = " nice ionice chrt stdbuf setpriv unshare nsenter numactl systemd-run ",
	  .kind = SERVICE_WRAPPER,
	  .valued = " -n -c -i -o -e -p --adjustment --class --classdata --input --output --error"
		    " --reuid --regid --groups --inh-caps --ambient-caps --bounding-set"
		    " -t --target -N -C -m --unit --slice --property " },
	{ .names = " nohup setsid exec time command tini tini-static dumb-init catatonit"
		   " xargs ",
	  .kind = SERVICE_WRAPPER, .valued = " -p -e -r --rewrite " },
	{ .names = " timeout ", .kind = SERVICE_WRAPPER, .leading = 1,
	  .valued = " -k --kill-after -s --signal " },
	{ .names = " taskset gosu su-exec chroot flock softlimit ", .kind = SERVICE_WRAPPER,
	  .leading = 1, .valued = " -w --timeout -E --userspec --groups " },
	{ .names = " sudo doas runuser ", .kind = SERVICE_WRAPPER,
	  .valued = " -u -g -C -h -p -r -t -T -U -D --user --group " },
};

static const struct {
	const char *class_name, *name;
} known_classes[] = {
	{"org.apache.catalina.startup.Bootstrap", "tomcat"},
	{"org.apache.zookeeper.server.quorum.QuorumPeerMain", "zookeeper"},
	{"org.apache.cassandra.service.CassandraDaemon", "cassandra"},
	{"org.eclipse.jetty.start.Main", "jetty"},
	{"org.codehaus.plexus.classworlds.launcher.Launcher", "maven"},
	{"org.gradle.launcher.daemon.bootstrap.GradleDaemon", "gradle"},
	{"org.apache.flink.runtime.taskexecutor.TaskManagerRunner", "flink-taskmanager"},
};
/* clang-format on */

bool service_in_list(const char *list, struct slice word)
{
	if (!list || word.n == 0)
		return false;
	for (const char *p = list + 1; *p;) {
		size_t n = strcspn(p, " ");

		if (n == word.n && memcmp(p, word.p, n) == 0)
			return true;
		p += n + (p[n] == ' ');
	}
	return false;
}

static struct slice words_without_version(struct slice base)
{
	while (base.n > 1 && ((base.p[base.n - 1] >= '0' && base.p[base.n - 1] <= '9') ||
			      base.p[base.n - 1] == '.'))
		base.n--;
	return base;
}

const struct service_launcher *service_launcher(struct slice base)
{
	struct slice bare = words_without_version(base);

	if (bare.n < base.n && bare.n > 1 && bare.p[bare.n - 1] == '-')
		bare.n--;
	for (size_t i = 0; i < sizeof(launchers) / sizeof(launchers[0]); i++)
		if (service_in_list(launchers[i].names, base) ||
		    service_in_list(launchers[i].names, bare))
			return &launchers[i];
	return NULL;
}

bool service_is_interpreter(const struct service_launcher *l)
{
	return l && (l->kind == SERVICE_PYTHON || l->kind == SERVICE_NODE ||
		     l->kind == SERVICE_SCRIPT || l->kind == SERVICE_JAVA);
}

static bool words_has_any_case(const char *list, struct slice word)
{
	char lower[24];

	if (word.n >= sizeof(lower))
		return false;
	for (size_t i = 0; i < word.n; i++)
		lower[i] =
			(char)(word.p[i] >= 'A' && word.p[i] <= 'Z' ? word.p[i] + 32 : word.p[i]);
	return service_in_list(list, slice_make(lower, word.n));
}

bool service_is_generic(struct slice word)
{
	return words_has_any_case(" main app server asgi wsgi __main__ __init__ index manage"
				  " application launcher bootstrap start ",
				  word);
}

bool service_is_layout(struct slice dir)
{
	return service_is_generic(dir) ||
	       words_has_any_case(" src bin sbin lib libexec dist build out target scripts script"
				  " public current release code workspace . .. .bin ",
				  dir);
}

bool service_is_system_dir(struct slice dir)
{
	return words_has_any_case(" srv opt home usr var local root tmp run etc mnt data www"
				  " share vendor site-packages dist-packages ",
				  dir);
}

struct slice service_known_class(struct slice class_name)
{
	for (size_t i = 0; i < sizeof(known_classes) / sizeof(known_classes[0]); i++)
		if (slice_eq(class_name, slice_str(known_classes[i].class_name)))
			return slice_str(known_classes[i].name);
	return SLICE("");
}
