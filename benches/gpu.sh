#!/usr/bin/env bash
# What Linnet does on a machine with a real GPU: is it right, and how near to the device's limits is it?
#
#   benches/gpu.sh LINNET [REFERENCE] [MODELS]
#
# LINNET is the native binary, REFERENCE the folder of goldens, MODELS that of published models; without the last two only
# speed is measured. Prints a report; a step that fails or takes too long is said to, and the next one follows. To be kept
# in benches/results/ with the date and the adapter's name.
set -u
linnet=$1 reference=${2:-} models=${3:-}
failed=0

# Runs a command for no more than so many seconds.
step() {
  local limit=$1 code=0
  shift
  printf '\n$ linnet %s\n' "$*"
  timeout "$limit" "$linnet" "$@" 2>&1 | tail -n "${TAIL:-40}"
  code=${PIPESTATUS[0]}
  if [ "$code" -ne 0 ]; then
    echo "FAILED with $code"
    failed=$((failed + 1))
  fi
}

date -u +%Y-%m-%dT%H:%MZ
step 60 bench --ops --backend gpu

# Each variant of the kernels that the device can run.
if [ -n "$reference" ]; then
  for variant in "" "--gpu-subgroups off" "--gpu-math f16" "--gpu-math int8" "--gpu-math f16 --gpu-subgroups off" \
    "--gpu-math int8 --gpu-subgroups off" "--kv f32" "--kv q8_0"; do
    # shellcheck disable=SC2086 # no variant, or the words of one
    TAIL=3 step 400 verify "$reference" ${models:+--models "$models"} --backend gpu $variant
  done
fi

# Decoding in the GPU tier and the phone tier, and reading 512 tokens.
for model in "qwen3-4b --quant q4_0" "qwen3-8b --quant q4_k" "gpt-oss-20b" "smollm2-135m --quant q8_0"; do
  # shellcheck disable=SC2086
  step 240 bench --synth $model --backend gpu --prompt-tokens 512 --tokens 128 --runs 5 --counters --profile
done

echo
echo "$failed steps failed"
exit "$((failed > 0))"
