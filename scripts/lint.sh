#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Format, cppcheck, clang-tidy and the layer check over our own sources; all run, then the status is
# 1 if one of them found something. Usage: scripts/lint.sh O (the build folder, for O/gen).
# LINT_FILES="a.c b.h": only these.
set -uo pipefail
cd "$(dirname "$0")/.."
out=${1:-build}
failures=0

if [[ -n ${LINT_FILES:-} ]]; then
	read -ra files <<< "$LINT_FILES"
else
	mapfile -t files < <(git ls-files --cached --others --exclude-standard '*.c' '*.h')
fi
sources=()
for file in "${files[@]}"; do
	[[ $file == user/*.c ]] && sources+=("$file")
done

step()
{
	local name=$1 output
	shift
	if output=$("$@" 2>&1); then
		printf '  %-8s %s\n' LINT "$name"
	else
		printf '%s\n' "$output" | grep -v -e ' warnings\? generated' -e '^Suppressed ' \
			-e '^Use -header-filter' -e 'warnings treated as errors'
		printf '  %-8s %s: FAILED\n' LINT "$name"
		failures=$((failures + 1))
	fi
}

defines=(-D_GNU_SOURCE '-DREDTAP_VERSION="lint"' -Iheaders -Iuser "-I$out/gen")

# missingInclude*: the system's headers are not followed. readdirCalled: readdir_r is the deprecated
# one. The others are remarks on cppcheck itself, which differ between its versions.
cppcheck_all()
{
	cppcheck --quiet --std=c11 --language=c --enable=warning,performance,portability \
		--error-exitcode=1 --inline-suppr --library=posix,gnu -j2 \
		--suppress=missingInclude --suppress=missingIncludeSystem \
		--suppress=unmatchedSuppression --suppress=normalCheckLevelMaxBranches \
		--suppress=checkersReport --suppress=readdirCalled \
		"${defines[@]}" -U__VMLINUX_H__ "--suppress=*:$out/gen/*" "${sources[@]}"
}

# Two at a time, one file each: with several, clang-tidy 14 sees uninitialised va_lists in the later
# ones. It takes the file in front of `--`, the flags behind it.
tidy_all()
{
	local status=0 output
	output=$(printf '%s\0' "${sources[@]}" | xargs -0 -n 1 -P 2 bash -c \
		'n=$1; shift; checks=
		# libbpf 1.1 generates a skeleton that leaks when memory runs out half-way.
		grep -q redtap.skel.h "${@:n+1}" && checks=--checks=-clang-analyzer-unix.Malloc
		clang-tidy -quiet $checks "${@:n+1}" -- -std=gnu11 "${@:1:n}"' \
		bash "${#defines[@]}" "${defines[@]}" 2>&1) || status=1
	printf '%s\n' "$output"
	return $status
}

for tool in clang-format cppcheck clang-tidy; do
	if ! command -v "$tool" > /dev/null; then
		echo "lint: $tool is not installed: scripts/install-deps.sh --test" >&2
		exit 1
	fi
done
step format clang-format --dry-run -Werror "${files[@]}"
if ((${#sources[@]})); then
	step cppcheck cppcheck_all
	step tidy tidy_all
fi
step layers scripts/check-layers.sh "$out"
((failures == 0))
