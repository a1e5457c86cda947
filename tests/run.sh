#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs test programs and counts their TAP: run.sh OUT fast|all|fuzz [SECONDS]|e2e [PATTERN]
#   fast  unit, module and oracle tests, goldens, corpora  e2e  tests/e2e/test_*PATTERN*.py
#   all   the same, BPF tests, lint, 60 s of every fuzzer, e2e, a part of the replay bed
# One line per program; the output of one that failed is shown, and its failures are listed again at
# the end; all of it is under OUT/test-logs.
# The last line is "N passed, N failed, N skipped"; exit 1 when anything failed. A program that
# crashes, hangs, or whose plan does not match counts as failed.
set -u
cd "$(dirname "$0")/.." || exit 1
top=$PWD
out=$(realpath -m "${1:?usage: run.sh OUT MODE}")
mode=${2:-fast}
logs=$out/test-logs
export REDTAP_O=$out PYTHONDONTWRITEBYTECODE=1
export ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=0:detect_leaks=1}
passed=0 failed=0 skipped=0 failures=
mkdir -p "$logs"

# One result: say STATE NAME DETAIL
say() {
	printf '  %-6s %-34s %s\n' "$1" "$2" "$3"
}

# Adds one program's numbers and prints its line: book NAME PASSED FAILED SKIPPED SECONDS LOG
book() {
	passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
	local state=ok bad
	[ "$4" -gt 0 ] && [ "$2" -eq 0 ] && state=SKIP
	[ "$3" -gt 0 ] && state=FAIL
	say $state "$1" "$2 passed, $3 failed, $4 skipped ($5 s)"
	if [ "$3" -gt 0 ]; then
		grep -vE '^ok |^1\.\.' "$6" | tail -n 80 | sed 's/^/         | /'
		bad=$(grep -E '^not ok|^run.sh' "$6" | sed 's/^/         | /')
		failures+="  FAIL   $1"$'\n'${bad:+$bad$'\n'}
	elif [ "$4" -gt 0 ]; then
		grep -E '# SKIP' "$6" | sort | uniq -c | sort -rn | head -n 5 | sed 's/^ */         | /'
	fi
}

# Counts TAP: tap LOG STATUS prints "PASSED FAILED SKIPPED", appends to LOG what is wrong with it.
tap() {
	awk -v status="$2" -v log_file="$1" '
		/^1\.\.[0-9]+/ { plan = substr($1, 4) + 0; planned++; if (plan == 0) skip++ }
		/^not ok( |$)/ { bad++; n++; next }
		/^ok( |$)/ { n++; if (/# SKIP/) skip++; else good++ }
		END {
			if (planned != 1) why = "printed no plan, or more than one"
			else if (plan != n) why = "planned " plan " tests, ran " n + 0
			else if (status != 0 && !bad) why = "no test failed"
			if (why) { bad++; print "run.sh: exit status " status ", " why >> log_file }
			print good + 0, bad + 0, skip + 0
		}' "$1"
}

# Runs one TAP program: program NAME SECONDS COMMAND...
program() {
	local name=$1 limit=$2 log=$logs/${1//\//.}.log begin=$SECONDS status counts
	shift 2
	timeout --kill-after=30 "$limit" "$@" >"$log" 2>&1 </dev/null
	status=$?
	[ $status -eq 124 ] || [ $status -eq 137 ] && echo "run.sh: stopped after $limit s" >>"$log"
	counts=$(tap "$log" $status)
	# shellcheck disable=SC2086  # three numbers
	book "$name" $counts $((SECONDS - begin)) "$log"
}

# Runs a command that is one test by its exit status: single NAME SECONDS COMMAND...
single() {
	local name=$1 limit=$2 log=$logs/${1//\//.}.log begin=$SECONDS
	shift 2
	if timeout --kill-after=30 "$limit" "$@" >"$log" 2>&1 </dev/null; then
		book "$name" 1 0 0 $((SECONDS - begin)) "$log"
	else
		book "$name" 0 1 0 $((SECONDS - begin)) "$log"
	fi
}

# The built programs of one kind, from the sources, so that one that was not built is missed.
programs() {
	local source name
	for source in tests/"$1"/test_*.c; do
		[ -e "$source" ] || continue
		name=$(basename "$source" .c)
		if [ -x "$out/tests/$1/$name" ]; then
			program "$1/$name" "$2" "$out/tests/$1/$name"
		else
			single "$1/$name" 5 sh -c "echo '$out/tests/$1/$name was not built'; exit 1"
		fi
	done
}

fuzz_names() {
	local source
	for source in tests/fuzz/fuzz_*.c; do
		[ -e "$source" ] || continue
		basename "$source" .c
	done
}

# Every committed input once, as an ordinary test.
corpora() {
	local name
	for name in $(fuzz_names); do
		single "corpus/$name" 120 bash -c \
			'set -- "$1" "$2"/*; [ -e "$2" ] || { echo "no files: $2"; exit 1; }; exec "$@"' \
			- "$out/tests/fuzz/$name" "$top/tests/fuzz/corpus/${name#fuzz_}"
	done
}

# One fuzzer for a time: fuzz_one NAME SECONDS. Findings stay in the logs' folder. In CI it begins
# with the same seed each time, so that what fails there is the change's; `make fuzz` hunts on.
fuzz_one() {
	mkdir -p "$logs/$1.found" "$out/fuzz-corpus/$1"
	"$out/tests/fuzz/$1" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="$logs/$1.found/" -seed="$seed" "$out/fuzz-corpus/$1" "$top/tests/fuzz/corpus/${1#fuzz_}"
}

# Every fuzzer for SECONDS, two at a time, one test each.
fuzz() {
	local name log
	local seed=0
	[ "$mode" = all ] && seed=1
	export -f fuzz_one
	export out logs top seed
	say ... fuzz "$1 s each: $(fuzz_names | tr '\n' ' ')"
	fuzz_names | timeout --kill-after=30 $(($1 * 8 + 120)) xargs -r -P 2 -I{} \
		bash -c "{ fuzz_one {} $1; echo \"status \$?\"; } >'$logs/fuzz.{}.log' 2>&1 </dev/null"
	for name in $(fuzz_names); do
		log=$logs/fuzz.$name.log
		if [ "$(tail -n 1 "$log")" = "status 0" ]; then
			book "fuzz/$name" 1 0 0 "$1" "$log"
			grep -E 'number_of_executed_units|average_exec' "$log" | sed 's/^/         | /'
		else
			book "fuzz/$name" 0 1 0 "$1" "$log"
		fi
	done
}

e2e() {
	local source dir
	for source in tests/e2e/test_*"${1:-}"*.py; do
		[ -e "$source" ] || continue
		# The client matrix builds programs in five languages, the drills load the host for
		# minutes: `make matrix`, `make drills`.
		[[ -z "${1:-}" && $source =~ /test_(matrix|loss|truth|cost|soak|replay) ]] && continue
		program "e2e/$(basename "$source" .py)" 1800 python3 "$source"
		for dir in "$out"/e2e/*/; do # what a harness that was killed left running
			[ -e "$dir/pids" ] && [ ! -e "/proc/${dir##*.}" ] && python3 tests/e2e/bed/procs.py --reap "$dir"
		done
	done
}

# A quarter of the replay bed over sockets, another one with every commit; `make drills` plays all.
replay_part() {
	local part
	part=$(($(git -C "$top" rev-list --count HEAD 2>/dev/null || echo 0) % 4))/4
	program e2e/replay 600 env REPLAY_PART="$part" python3 tests/e2e/test_replay.py
}

case $mode in
fast)
	programs unit 120
	programs module 120
	programs oracle 120
	programs replay 240
	corpora
	;;
fuzz)
	fuzz "${3:-60}"
	;;
e2e)
	e2e "${3:-}"
	;;
all)
	programs unit 120
	programs module 120
	programs oracle 120
	programs replay 240
	corpora
	single lint 2700 make --no-print-directory O="$out" lint
	programs bpf 900
	e2e
	replay_part
	fuzz 60
	;;
*)
	echo "run.sh: unknown mode $mode" >&2
	failed=1
	;;
esac

printf '%s' "$failures"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
