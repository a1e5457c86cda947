#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Installs what redtap needs to be built and, with --test, to be tested, on Debian and Ubuntu.
# Quiet when nothing is missing; says what it installs before it does. Root only for installing.
set -euo pipefail

# What is missing is found by file or command where that is surer than by package (a JDK, Maven or
# PostgreSQL may be there from elsewhere): `package` or `package=test`, test being a command's name
# or, with a /, a glob.
build_needs=(
	clang=clang llvm=llvm-strip make=make gcc=gcc pkg-config=pkg-config
	bpftool='/usr/sbin/bpftool|/usr/local/sbin/bpftool|/usr/bin/bpftool'
	libc6-dev libbpf-dev libelf-dev zlib1g-dev libmicrohttpd-dev libyaml-dev libcap-ng-dev
	libseccomp-dev uthash-dev libcurl4-gnutls-dev='/usr/include/*/curl/curl.h|/usr/include/curl/curl.h'
)
test_needs=(
	clang-tidy=clang-tidy clang-format=clang-format cppcheck=cppcheck valgrind=valgrind
	wrk=wrk apache2-utils=ab hey=hey nginx-light=/usr/sbin/nginx
	postgresql='/usr/lib/postgresql/*/bin/postgres' postgresql-contrib='/usr/lib/postgresql/*/bin/pgbench'
	kcat=kcat prometheus=promtool python3=python3
	python3-venv='/usr/lib/python3*/ensurepip/__init__.py' maven=mvn default-jdk-headless=javac
	curl=curl socat=socat
	pgbouncer=/usr/sbin/pgbouncer haproxy=/usr/sbin/haproxy apache2-bin=/usr/sbin/apache2
	libpq-dev='/usr/include/postgresql/libpq-fe.h|/usr/include/libpq-fe.h'
	libpg-query-dev=/usr/include/pg_query.h
)

usage()
{
	echo "Usage: scripts/install-deps.sh [--test]"
	echo "Installs the packages redtap is built with; with --test also those it is tested with."
}

# Whether `name` is installed as a package.
installed()
{
	[[ " $installed_packages " == *" $1 "* ]]
}

present()
{
	local package=${1%%=*} test=${1#*=} glob
	[[ $1 == *=* ]] || test=
	if [[ -z $test ]]; then
		installed "$package"
	elif [[ $test == */* ]]; then
		local IFS='|'
		for glob in $test; do
			compgen -G "$glob" > /dev/null && return 0
		done
		return 1
	else
		command -v "$test" > /dev/null
	fi
}

missing_of()
{
	local need
	for need in "$@"; do
		present "$need" || echo "${need%%=*}"
	done
}

# libFuzzer and the sanitizers belong to the default clang's own version.
add_fuzzer_need()
{
	local version
	version=$(clang -dumpversion 2> /dev/null | cut -d. -f1) || true
	if [[ -z $version ]]; then
		# clang comes with this very run; its package says which version it is.
		version=$(apt-cache depends clang 2> /dev/null |
			sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p' | head -1)
	fi
	test_needs+=("libclang-rt-${version:-14}-dev=/usr/lib/llvm-*/lib/clang/${version:-14}*/lib/*/libclang_rt.fuzzer*")
}

refuse()
{
	echo "redtap: these packages are missing and cannot be installed here ($1):" >&2
	echo "  ${missing[*]}" >&2
	exit 1
}

# Packages may start a service when they are installed: this keeps them from it (policy-rc.d(8)).
hold_services()
{
	[[ ! -e /usr/sbin/policy-rc.d ]] || return 0
	held=true
	printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
	chmod 0755 /usr/sbin/policy-rc.d
}

clean_up()
{
	rm -f "$log"
	if $held; then
		rm -f /usr/sbin/policy-rc.d
	fi
}

# Has a version that can be installed.
available()
{
	[[ $(apt-cache policy "$1" 2> /dev/null) =~ Candidate:\ [^\(] ]]
}

apt_install()
{
	DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=120 \
		-o Dpkg::Use-Pty=0 install --no-install-recommends "$@" < /dev/null > "$log" 2>&1
}

# The packages of one list: all at once, then, when that fails, one by one, so that a package this
# release does not have keeps none of the others from coming.
install_all()
{
	local package
	failed=()
	(($#)) || return 0
	apt_install "$@" && return
	# Lists that are too old name versions the mirror no longer has.
	if ! $updated; then
		update_lists
		apt_install "$@" && return
	fi
	for package in "$@"; do
		if ! available "$package" || ! apt_install "$package"; then
			failed+=("$package")
		fi
	done
}

update_lists()
{
	echo "redtap: apt-get update"
	updated=true
	apt-get -qq -o DPkg::Lock::Timeout=120 update < /dev/null > "$log" 2>&1 ||
		echo "redtap: apt-get update failed, going on with the lists there are" >&2
}

want_test=false
case "${1:-}" in
'') ;;
--test) want_test=true ;;
-h | --help)
	usage
	exit 0
	;;
*)
	usage >&2
	exit 2
	;;
esac

missing=()
if ! command -v dpkg-query > /dev/null; then
	missing=("${build_needs[@]%%=*}")
	refuse "not Debian or Ubuntu; install what corresponds to their names"
fi
installed_packages=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' |
	sed -n 's/^installed //p' | tr '\n' ' ')
mapfile -t build_missing < <(missing_of "${build_needs[@]}")
test_missing=()
if $want_test; then
	add_fuzzer_need
	mapfile -t test_missing < <(missing_of "${test_needs[@]}")
fi
missing=("${build_missing[@]}" "${test_missing[@]}")
((${#missing[@]})) || exit 0
command -v apt-get > /dev/null || refuse "no apt-get"

if ((EUID)); then
	# What the build lacks ends it; what only tests lack makes them SKIP.
	((${#build_missing[@]})) && refuse "not root"
	echo "redtap: not root, so tests that need these will be skipped: ${missing[*]}" >&2
	exit 0
fi

echo "redtap: installing ${missing[*]}"
held=false
updated=false
log=$(mktemp)
trap clean_up EXIT
hold_services
for package in "${missing[@]}"; do
	if ! available "$package"; then
		update_lists
		break
	fi
done
failed=()
install_all "${build_missing[@]}"
if ((${#failed[@]})); then
	cat "$log" >&2
	missing=("${failed[@]}")
	refuse "apt-get install failed, see above"
fi
install_all "${test_missing[@]}"
if ((${#failed[@]})); then
	echo "redtap: could not install ${failed[*]}: tests that need them will be skipped" >&2
fi
