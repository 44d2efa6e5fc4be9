#!/usr/bin/env bash
# Tests and measures Linnet on a machine with a GPU: are the results right, and how close is it to the device's limits?
#
#   benches/gpu.sh LINNET [REFERENCE] [MODELS]
#
# LINNET is the native binary, REFERENCE the folder of reference results, MODELS that of published models. Without the
# last two only speed is measured. Prints a report. A step that fails or takes too long is reported, and the next one
# follows. Keep the report in benches/results/ with the date and the adapter's name.
set -u
linnet=$1 reference=${2:-} models=${3:-}
failed=0

# step SECONDS COMMAND...: runs a command of linnet with a time limit.
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

# Every variant of the kernels that the device can run.
if [ -n "$reference" ]; then
  for variant in "" "--gpu-subgroups off" "--gpu-math f16" "--gpu-math int8" "--gpu-math f16 --gpu-subgroups off" \
    "--gpu-math int8 --gpu-subgroups off" "--kv f32" "--kv q8_0"; do
    # shellcheck disable=SC2086 # a variant has several words or none
    TAIL=3 step 400 verify "$reference" ${models:+--models "$models"} --backend gpu $variant
  done
fi

# Decode and prefill (512 tokens), in the GPU tier and the phone tier.
for model in "qwen3-4b --quant q4_0" "qwen3-8b --quant q4_k" "gpt-oss-20b" "smollm2-135m --quant q8_0"; do
  # shellcheck disable=SC2086
  step 240 bench --synth $model --backend gpu --prompt-tokens 512 --tokens 128 --runs 5 --counters --profile
done

echo
echo "$failed steps failed"
exit "$((failed > 0))"
