import { BUTTON_STRINGS, type ChatStrings } from './button-strings.ts';

/** The texts in English, which stand in for those that the page does not give. */
export const ENGLISH: ChatStrings = {
  ...BUTTON_STRINGS,
  conversation: 'Conversation',
  you: 'You:',
  model: 'Answer:',
  suggestions: 'Suggestions',
  message: 'Message',
  placeholder: 'Write a message',
  send: 'Send',
  stop: 'Stop',
  retry: 'Answer again',
  copy: 'Copy',
  copied: 'Copied',
  copyCode: 'Copy code',
  clear: 'New conversation',
  cleared: 'A new conversation has begun.',
  table: 'Table',
  image: 'Picture: {text}',

  consent: '{model} runs on your own device: what you write stays there. It is downloaded once, {size}.',
  consentUnsized: '{model} runs on your own device: what you write stays there. It is downloaded once.',
  accept: 'Download and start',
  consentServer: 'Where the device cannot run it, {host} answers instead, and you will be told.',
  pause: 'Pause',
  resume: 'Go on',
  paused: 'The download is paused.',
  starting: 'Starting…',
  downloading: 'Downloading, {done} of {total}',
  downloadingUnsized: 'Downloading, {done}',
  fromStorage: 'Loading from this browser…',
  preparing: 'Getting ready…',

  waiting: 'Waiting for the model…',
  reading: 'Reading, {percent} %',
  thinking: 'Thinking…',
  writing: 'An answer is being written.',
  stopped: 'Stopped',
  cutOff: 'Cut off here',
  shortened: 'The model no longer sees the beginning of this conversation.',

  onDevice: 'On this device',
  byServer: 'Answered by {host}',
  serverAnswers: 'This device cannot run the model, so {host} answers. What you write is sent there.',

  serverFailed: '{host} did not answer. Try again later.',
  recovered: 'This page had to be reloaded while the model was running, so it now runs with less memory.',

  tryAgain: 'Try again',
  failed: 'Something went wrong. Try again.',
  errors: {
    'bad-model': 'The model’s file is damaged.',
    'unsupported-architecture': 'This kind of model cannot be run yet.',
    'unsupported-quantization': 'This kind of model cannot be run yet.',
    'unsupported-tokenizer': 'This kind of model cannot be run yet.',
    'out-of-memory': 'This device has too little free memory. Close other tabs and try again.',
    'device-lost': 'The graphics processor stopped responding. Try again.',
    'no-webgpu': 'This browser offers no WebGPU on this device.',
    'no-simd': 'This browser is too old to run the model.',
    blocked: 'The page around this chat does not let a model run in it.',
    network: 'The connection broke. Check that you are online and try again.',
    'not-found': 'The model was not found.',
    http: 'The server refused. Try again later.',
    integrity: 'The model did not arrive as it should be, and was not kept. Try again.',
    quota: 'The browser has no room left to store the model. Free some space and try again.',
    'context-full': 'This is longer than the model can keep in mind. Write less.',
  },
};

/** Puts values in for the words in braces. */
export function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}
