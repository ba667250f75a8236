#!/bin/sh
# Runs test programs, each under the command in WRAPPER if that is set (valgrind, qemu-arm), shows
# what they print and ends with "N passed, M failed". A program that dies counts as a failure.
set -u

log=$(mktemp)
trap 'rm -f "$log"' EXIT

for program in "$@"; do
    echo "== $(basename "$program")" | tee -a "$log"
    # shellcheck disable=SC2086 # WRAPPER is a command with its arguments
    ${WRAPPER:-} "$program" >"$log.out" 2>&1
    status=$?
    tee -a "$log" <"$log.out"
    if [ $status -ne 0 ] && ! grep -q '^FAIL' "$log.out"; then
        echo "FAIL $(basename "$program") ended with status $status" | tee -a "$log"
    fi
    rm -f "$log.out"
done

passed=$(grep -c '^pass' "$log")
failed=$(grep -c '^FAIL' "$log")
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
