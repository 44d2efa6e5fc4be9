// The native programs, with the same interface as the engines in pages.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const start = promisify(execFile);
const run = async (program, args) => JSON.parse((await start(program, args, { maxBuffer: 1 << 26 })).stdout);

/** `linnet bench`: the same kernels, compiled natively. */
export function nativeLinnet(binary, model, threads) {
  const sample = async ({ prompt, tokens }) => {
    const { prefill, decode } = await run(binary, [
      'bench',
      model,
      '--json',
      '--runs',
      '1',
      '--threads',
      String(threads),
      '--prompt-tokens',
      String(prompt),
      '--tokens',
      String(tokens),
    ]);
    return { promptTokens: prompt, tokens, prefill: prefill.median, decode: decode.median };
  };
  return { engine: 'Linnet, native', threads, sample };
}

/**
 * llama.cpp's `llama-bench`. It tests prompt and decode separately; `-d` makes decoding start after a prompt of that
 * length.
 */
export function llamaBench(binary, model, threads) {
  const speed = async (...test) => {
    const [{ avg_ts }] = await run(binary, [
      '-m',
      model,
      '-r',
      '1',
      '-o',
      'json',
      '-ngl',
      '0',
      '-t',
      String(threads),
      ...test,
    ]);
    return avg_ts;
  };
  const sample = async ({ prompt, tokens }) => ({
    promptTokens: prompt,
    tokens,
    prefill: await speed('-p', String(prompt), '-n', '0', '-d', '0'),
    decode: await speed('-p', '0', '-n', String(tokens), '-d', String(prompt)),
  });
  return { engine: 'llama.cpp, native', threads, sample };
}
