# Sourced by .ci/run: runs steps and tests, adds up all tests, and says once more at the end what failed.
# A step that fails does not keep the later ones from running, but it fails the whole.

status=0 passed=0 failed=0 section=''
failures=()
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Begins a section; what fails is listed under its name.
heading() {
  section=$*
  printf '\n== %s\n' "$*"
}

# Notes a failure, which may have further lines.
fails() {
  status=1
  failures+=("[$section] $*")
}

# Runs a command that is no test.
step() {
  "$@" || { echo "FAILED: $*"; fails "FAILED: $*"; }
}

# What the runner repeats just before its last line (test/support/failed-files.ts).
repeated() {
  awk '$0 == "== failed files" { text = last = ""; is_within = 1; next }
    is_within { text = text last; last = $0 "\n" }
    END { printf "%s", text }' "$1"
}

# Runs a command whose last line is the test runner's "N passed, N failed", and adds it up. A run that ends without
# that line counts as one failure.
tests() {
  local code=0 line log=$scratch/log
  "$@" 2>&1 | tee "$log" || code=1
  line=$(tail -n 1 "$log")
  if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed ]]; then
    passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
    if [ $code -ne 0 ] || [ "${BASH_REMATCH[2]}" -gt 0 ]; then
      fails "$*: $line"$'\n'"$(repeated "$log")"
    fi
  else
    failed=$((failed + 1))
    fails "$* ended without a result; its last lines:"$'\n'"$(tail -n 8 "$log")"
  fi
}

# Says what failed, and then the sum: that line is the last.
tally() {
  heading 'all together'
  [ ${#failures[@]} -eq 0 ] || printf '%s\n' "${failures[@]}"
  echo "$passed passed, $failed failed"
}
