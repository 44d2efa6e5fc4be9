import { LinnetError, type LinnetErrorCode } from 'linnet';
import { plainName } from 'linnet/markdown';
import { bytes, whole } from './format.ts';

type Details = Record<string, unknown>;

/** The message for each code: what happened, and what would help. Nothing that the person cannot use. */
const MESSAGES: Record<LinnetErrorCode, (details: Details) => string> = {
  'bad-model': () => 'This file is not a GGUF model, or it is damaged. Choose another file.',
  'unsupported-architecture': ({ architecture }) =>
    `Linnet cannot run this kind of model yet${architecture ? ` (${text(architecture)})` : ''}. Choose another model.`,
  'unsupported-quantization': () =>
    'Linnet cannot read this model’s quantization format. Choose another version of it, such as Q4_0 or Q8_0.',
  'unsupported-tokenizer': () => 'Linnet does not support this model’s tokenizer. Choose another model.',
  'bad-template': () => 'The chat template inside this model does not work. Choose another model.',
  'out-of-memory': () =>
    'This device has too little free memory for the model. Close other tabs, or choose a smaller model.',
  'device-lost': () => 'The graphics processor stopped responding. Load the model again, or run it on the CPU.',
  'no-webgpu': () => 'This browser has no WebGPU on this device. The model can run on the CPU instead.',
  'no-simd': () =>
    'This browser is too old to run the model, or a security setting prevents it. Update it or use another one.',
  blocked: () => 'This page is embedded or served in a way that does not allow a model to run. Open it in its own tab.',
  network: ({ received }) =>
    received
      ? `The connection broke after ${bytes(Number(received))}. Check that you are online and try again.`
      : 'The model could not be reached. Check that you are online and try again.',
  'not-found': ({ url, ...details }) =>
    'file' in details
      ? `${fileIn(details)} was changed, moved or deleted. Choose it again.`
      : `There is no model at this address${url ? `: ${text(url)}` : ''}.`,
  http: ({ status }) => `The server refused the download${status ? ` (status ${text(status)})` : ''}. Try again later.`,
  integrity: (details) =>
    'file' in details
      ? `${fileIn(details)} is incomplete, damaged, or was changed while it was read. Choose it again, or another one.`
      : 'The download is incomplete or was changed, so it was not stored. Try again.',
  quota: () => 'The browser has no room left to store the model. Free some space and try again.',
  'no-storage': () => 'The browser stores no files for this page, so the model was not stored.',
  aborted: () => 'Stopped.',
  'context-full': ({ limit, context_length }) => {
    const size = limit ?? context_length;
    const tokens = size ? ` (${whole(Number(size))} tokens)` : '';
    return `This is too long for the model’s context${tokens}. Write less, or choose a model with a larger context.`;
  },
  busy: () => 'The model is still answering something else. Wait until it is done.',
  'invalid-request': () => 'This request is not valid.',
  'bad-constraint': () => 'The form that this request gives the answer is not supported.',
  internal: () => 'Something went wrong inside Linnet. Load the model again.',
};

/** The message about an error. */
export function errorMessage(error: LinnetError): string {
  if (error.details['part'] === 'engine' && error.code !== 'network') {
    return `A part of Linnet itself could not be loaded. Reload the page. (${plainName(error.message)})`;
  }
  const known = MESSAGES[error.code] ?? MESSAGES.internal;
  // These are about something that was written, by a program or in an address: the error's own message says what.
  const own = ['invalid-request', 'bad-constraint', 'internal'].includes(error.code);
  // Only the server's owner can fix it: the message says how.
  if (error.details['compressed'] === true) return plainName(error.message);
  // The message says what the file is, and what to do about it.
  if (error.code === 'bad-model' && 'kind' in error.details) return plainName(error.message).replace(/^t/, 'T');
  return own && error.message ? `${known(error.details)} (${plainName(error.message)})` : known(error.details);
}

/** All errors here should come from the package; any other error is a fault of this page. */
export function asLinnetError(error: unknown): LinnetError {
  return error instanceof LinnetError ? error : new LinnetError('internal', String(error));
}

/** A file that the person chose. */
function fileIn({ file }: Details): string {
  return file ? `The file “${text(file)}”` : 'The file';
}

function text(value: unknown): string {
  return plainName(String(value));
}
