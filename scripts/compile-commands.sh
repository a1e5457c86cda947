#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Writes a compilation database for clangd and clang-tidy to standard output.
# Usage: scripts/compile-commands.sh "CFLAGS" FILE...
set -euo pipefail

quote()
{
	local text=$1
	text=${text//\\/\\\\}
	text=${text//\"/\\\"}
	printf '"%s"' "$text"
}

cflags=$1
shift
directory=$(quote "$PWD")
separator=
echo '['
for file in "$@"; do
	printf '%s  {"directory": %s, "file": %s, "command": %s}' "$separator" "$directory" \
		"$(quote "$file")" "$(quote "cc $cflags -c $file")"
	separator=$',\n'
done
printf '\n]\n'
