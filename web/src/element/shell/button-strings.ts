/** What the element says. Words in braces stand for what is put in. */
export interface ChatStrings {
  /** The chat's title, where the site gives none by `heading`. */
  title: string;
  /** The round button while the chat is closed. */
  open: string;
  /** The same while it is open, and the cross. */
  close: string;
  /** The button of an inline chat. */
  start: string;
  /** The chat's own script could not be fetched. */
  unloadable: string;

  /** The conversation, to a screen reader. */
  conversation: string;
  /** Before what the person wrote, to a screen reader. */
  you: string;
  /** Before what the model wrote, to a screen reader. */
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
  /** In place of a picture, which is not loaded: `{text}`. */
  image: string;

  /** Before the download: `{model}`, `{size}`. */
  consent: string;
  /** The same where the size is not known: `{model}`. */
  consentUnsized: string;
  accept: string;
  /** Where there is an `endpoint`, before the device has failed: `{host}`. */
  consentServer: string;
  /** Where there is only an `endpoint`: `{host}`. */
  serverOnly: string;
  pause: string;
  resume: string;
  paused: string;
  starting: string;
  /** `{done}`, `{total}` */
  downloading: string;
  /** `{done}` of a file whose size is not known. */
  downloadingUnsized: string;
  fromStorage: string;
  preparing: string;

  waiting: string;
  /** A question waits until the person agrees to the download. */
  waitingForYou: string;
  /** Enter was pressed while an answer is written. */
  busy: string;
  /** `{percent}` of the question. */
  reading: string;
  /** The model thinks before it answers. */
  thinking: string;
  writing: string;
  stopped: string;
  cutOff: string;
  /** The model no longer sees the beginning of a long conversation. */
  shortened: string;

  /** Who answers: this device. */
  onDevice: string;
  /** Who answers: `{host}`. */
  byServer: string;
  /** When the server answers for the first time: `{host}`. */
  serverAnswers: string;
  /** After a failure of the device, while nothing waits for an answer: `{host}`. */
  serverCan: string;
  /** The question before a conversation is sent to the server: `{host}`. */
  sendQuestion: string;
  sendDetail: string;
  /** Before it, where the device was to answer. */
  deviceFailed: string;
  sendThere: string;
  dontSend: string;
  /** Under a question that was not sent. */
  notSent: string;

  /** The server did not answer: `{host}`. */
  serverFailed: string;
  /** The server's answer ended too early, and is shown as far as it came: `{host}`. */
  serverBroke: string;
  /** The page had died of the model before, so that it now runs with less. */
  recovered: string;

  tryAgain: string;
  /** The site's owner has made a mistake, which the console names. */
  unavailable: string;
  /** Any failure that has no words of its own. */
  failed: string;
  /** Failures by their code. */
  errors: Readonly<Record<string, string>>;
}

/** Those that are needed before the chat is opened. */
export const BUTTON_STRINGS = {
  title: 'Chat',
  open: 'Open chat',
  close: 'Close chat',
  start: 'Start chat',
  unloadable: 'The chat could not be loaded. Check that you are online and try again.',
} satisfies Partial<ChatStrings>;
