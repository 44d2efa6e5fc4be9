// Reads the tensors of the reference results. The format: https://github.com/huggingface/safetensors
import { readFileSync } from 'node:fs';

const ARRAYS = { I32: Int32Array, F32: Float32Array };

/**
 * The tensors of a file by name, as arrays of numbers.
 *
 * @param {string} path
 * @returns {Record<string, number[]>}
 */
export function readTensors(path) {
  const bytes = readFileSync(path);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const { __metadata__, ...tensors } = JSON.parse(bytes.toString('utf8', 8, start));
  return Object.fromEntries(
    Object.entries(tensors).map(
      ([
        name,
        {
          dtype,
          data_offsets: [from, to],
        },
      ]) => {
        const Numbers = ARRAYS[dtype];
        if (!Numbers) throw new Error(`${path}: ${name} is of type ${dtype}`);
        // A copy is aligned.
        return [name, [...new Numbers(new Uint8Array(bytes.subarray(start + from, start + to)).buffer)]];
      },
    ),
  );
}
