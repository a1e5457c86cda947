#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The dependencies between user/'s folders point one way; the pure half links against nothing but
# libc. Usage: scripts/check-layers.sh [O]; without a built O/libredtap.a only includes are checked.
set -euo pipefail
cd "$(dirname "$0")/.."

# What each folder may include besides itself and headers/. base sees nothing of tracing, so of
# headers/ it sees only limits.h. Files directly in user/ (main, agent) see all.
declare -A sees=(
	[base]=''
	[names]='base'
	[proto]='base names'
	[track]='base names proto'
	[metrics]='base names proto track'
	[serve]='base names proto track metrics'
	[config]='base names'
	[capture]='base names'
)

# The C library functions the pure half may call: memory, strings, numbers; and what log, clock and
# the sort and math helpers need. No sockets, no files but standard error, no processes, no clock
# outside base/clock.
allowed='
abort calloc free malloc realloc reallocarray qsort bsearch
memchr memcmp memcpy memmem memmove memrchr memset stpcpy
strchr strchrnul strcmp strcpy strcspn strdup strlen strncasecmp strcasecmp strncmp strncpy strndup
strnlen strpbrk strrchr strspn strstr strsep strtol strtoul strtoll strtoull strtod
snprintf vsnprintf sprintf sscanf
frexp ldexp lround llround floor ceil log2 log pow round trunc
getenv fstat localeconv write gmtime_r strftime clock_gettime
pthread_mutex_lock pthread_mutex_unlock
__errno_location __assert_fail __stack_chk_fail
'

failures=0
fail()
{
	echo "$1"
	failures=$((failures + 1))
}

check_includes()
{
	local file layer line number included

	while IFS=: read -r file number included; do
		layer=${file#user/}
		layer=${layer%%/*}
		if [[ -z ${sees[$layer]+set} ]]; then
			fail "$file: folder user/$layer is not known to scripts/check-layers.sh"
			continue
		fi
		if [[ $included != */* ]]; then
			if [[ $layer == base && -e headers/$included && $included != limits.h ]]; then
				fail "$file:$number: base must not see $included"
			fi
			continue
		fi
		included=${included%%/*}
		[[ $included == "$layer" || " ${sees[$layer]} " == *" $included "* ]] ||
			fail "$file:$number: $layer must not include $included (it sees: ${sees[$layer]:-nothing})"
	done < <(grep -rn --include='*.[ch]' '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' user/*/ |
		sed -n 's/^\([^:]*:[0-9]*\):[^"]*"\([^"]*\)".*/\1:\2/p')
}

# Undefined in the archive as a whole, so calls among its own objects do not count. Fortified
# variants (__snprintf_chk, __isoc99_sscanf) are the functions themselves; a sanitized build calls
# its run-time, which is none of our doing.
check_archive()
{
	local symbol
	declare -A defined=()

	while read -r symbol; do
		defined[$symbol]=1
	done < <(nm --defined-only "$1" 2> /dev/null | awk 'NF == 3 { print $3 }')
	while read -r symbol; do
		[[ -z ${defined[$symbol]+set} ]] || continue
		case $symbol in
		__asan_* | __ubsan_* | __tsan_* | __sanitizer_* | _GLOBAL_OFFSET_TABLE_ | __start_* | __stop_*)
			continue
			;;
		esac
		symbol=${symbol#__isoc99_}
		symbol=${symbol#__isoc23_}
		if [[ $symbol == __*_chk ]]; then
			symbol=${symbol#__}
			symbol=${symbol%_chk}
		fi
		[[ " ${allowed//$'\n'/ } " == *" $symbol "* ]] ||
			fail "$1: calls $symbol: base, names, proto and track link against nothing but a few functions of libc"
	done < <(nm -u "$1" 2> /dev/null | awk '$1 == "U" { print $2 }' | sort -u)
}

check_includes
archive=${1:-build}/libredtap.a
[[ ! -e $archive ]] || check_archive "$archive"
((failures == 0))
