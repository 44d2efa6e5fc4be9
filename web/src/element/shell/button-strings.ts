import type { ToolStrings } from '../tools/tool-strings.ts';

/** The element's texts. Words in braces are placeholders. */
export interface ChatStrings extends ToolStrings {
  /** The chat's title, if the site sets no `heading`. */
  title: string;
  /** The round button while the chat is closed. */
  open: string;
  /** The same button while the chat is open, and the close button. */
  close: string;
  /** The button of an inline chat. */
  start: string;
  /** The chat's script could not be loaded. */
  unloadable: string;

  /** The conversation's name for screen readers. */
  conversation: string;
  /** Read by screen readers before the person's text. */
  you: string;
  /** Read by screen readers before the model's text. */
  model: string;
  suggestions: string;
  message: string;
  placeholder: string;
  send: string;
  stop: string;
  retry: string;
  copy: string;
  copied: string;
  copyCode: string;
  clear: string;
  cleared: string;
  table: string;
  /** Replaces a picture, which is not loaded: `{text}`. */
  image: string;

  /** The question before the download: `{model}`, `{size}`. */
  consent: string;
  /** The same if the size is unknown: `{model}`. */
  consentUnsized: string;
  accept: string;
  /** If there is an `endpoint`, before the device has failed: `{host}`. */
  consentServer: string;
  /** If there is only an `endpoint`: `{host}`. */
  serverOnly: string;
  pause: string;
  resume: string;
  paused: string;
  starting: string;
  /** `{done}`, `{total}` */
  downloading: string;
  /** `{done}` of a file of unknown size. */
  downloadingUnsized: string;
  fromStorage: string;
  preparing: string;

  waiting: string;
  /** A question waits until the person agrees to the download. */
  waitingForYou: string;
  /** Enter was pressed during an answer. */
  busy: string;
  /** `{percent}` of the question. */
  reading: string;
  /** The model is reasoning before it answers. */
  thinking: string;
  /** The title of its reasoning when it is complete: `{seconds}`. */
  thoughtFor: string;
  /** The switch for reasoning, where the model has one. */
  think: string;
  writing: string;
  stopped: string;
  cutOff: string;
  /** The answer ended without any text, or without one after its last tool calls. */
  noAnswer: string;
  /** The beginning of a long conversation is no longer sent to the model. */
  shortened: string;

  /** Who answers: this device. */
  onDevice: string;
  /** Who answers: `{host}`. */
  byServer: string;
  /** Shown when the server answers for the first time: `{host}`. */
  serverAnswers: string;
  /** After a failure on the device, while no question waits: `{host}`. */
  serverCan: string;
  /** The question before a conversation is sent to the server: `{host}`. */
  sendQuestion: string;
  sendDetail: string;
  /** Shown before that question if the device failed to answer. */
  deviceFailed: string;
  sendThere: string;
  dontSend: string;
  /** Under a question that was not sent. */
  notSent: string;

  /** The server did not answer: `{host}`. */
  serverFailed: string;
  /** The server's answer broke off; what arrived is shown: `{host}`. */
  serverBroke: string;
  /** The page crashed with the model before, so it now runs with less. */
  recovered: string;

  tryAgain: string;
  /** The site is misconfigured; the console says how. */
  unavailable: string;
  /** Any other failure. */
  failed: string;
  /** Failures by code. */
  errors: Readonly<Record<string, string>>;
}

/** Texts that are needed before the chat is opened. */
export const BUTTON_STRINGS = {
  title: 'Chat',
  open: 'Open chat',
  close: 'Close chat',
  start: 'Start chat',
  unloadable: 'The chat could not be loaded. Check that you are online and try again.',
} satisfies Partial<ChatStrings>;
