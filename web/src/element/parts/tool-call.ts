import { cutText, plainName, plainText } from '../../protocol/text.ts';
import type { CallOutcome, CallPiece, ToolCall } from '../tools/rounds.ts';
import type { ToolStrings } from '../tools/tool-strings.ts';
import { button, isComposing, make } from './dom.ts';

/** The most characters that are shown of arguments and results. */
const LONGEST = 10_000;

/** A model's tool call: its name, and what was sent and returned, folded. It can ask the person first. */
export class ToolCallView {
  readonly node = make('div', 'call');
  readonly #fold = make('details');
  readonly #title = make('summary');
  readonly #arguments = make('pre');
  readonly #result = make('pre');
  readonly #resultTitle: HTMLElement;
  readonly #call: ToolCall;

  /** @param announce has screen readers read a text */
  constructor(
    { id, name = '' }: CallPiece,
    private readonly strings: ToolStrings,
    private readonly announce: (text: string) => void,
  ) {
    // Some servers send no ids, but a result must name its call.
    this.#call = { id: id ?? `call${Math.random().toString(36).slice(2, 11)}`, name, arguments: '' };
    const { callArguments, callResult } = strings;
    this.#resultTitle = make('p', 'call-label', callResult);
    this.#fold.append(this.#title, make('p', 'call-label', callArguments), this.#arguments);
    this.#fold.append(this.#resultTitle, this.#result);
    for (const text of [this.#arguments, this.#result]) {
      // It scrolls by keyboard, too.
      text.tabIndex = 0;
    }
    this.#arguments.dir = 'ltr';
    this.#result.dir = 'auto';
    this.node.append(this.#fold);
    this.#show();
    announce(this.#named(strings.calling));
  }

  /** The call, as it is kept. */
  get call(): ToolCall {
    return { ...this.#call };
  }

  /** Whether the piece is another call at the same place: some servers give all of them the place 0. */
  isOther({ id }: CallPiece): boolean {
    return id !== undefined && id !== this.#call.id;
  }

  /** Adds to the call. */
  add({ name, arguments: text }: CallPiece): void {
    if (name && !this.#call.name) {
      this.#call.name = name;
      this.#show();
    }
    this.#call.arguments += text;
    if (this.#call.arguments.length <= LONGEST) this.#arguments.append(plainText(text));
  }

  /** Asks whether the tool may run, with what it would get. Aborting `signal` means no. */
  async confirm(question: string | undefined, signal: AbortSignal): Promise<boolean> {
    const { allow, dontAllow, allowCall } = this.strings;
    const card = make('div', 'call-question');
    const text = make('p', '', question ?? this.#named(allowCall));
    card.setAttribute('role', 'group');
    card.setAttribute('aria-label', text.textContent);
    const actions = make('div', 'call-actions');
    const root = this.node.getRootNode() as Document | ShadowRoot;
    const before = root.activeElement;
    this.#show('asking');
    this.#fold.open = true;
    this.node.append(card);
    try {
      return await new Promise<boolean>((resolve) => {
        const refuse = button('refuse', dontAllow, () => resolve(false));
        actions.append(
          refuse,
          button('allow', allow, () => resolve(true)),
        );
        card.append(text, actions);
        card.addEventListener('keydown', (event) => {
          if (event.key !== 'Escape' || isComposing(event)) return;
          // Otherwise it would close the chat.
          event.stopPropagation();
          resolve(false);
        });
        signal.addEventListener('abort', () => resolve(false), { once: true });
        if (signal.aborted) resolve(false);
        this.announce(text.textContent);
        // Not if the focus is elsewhere in the page. An accidental Enter does no harm.
        if (before || document.activeElement === document.body) refuse.focus();
      });
    } finally {
      const focused = card.contains(root.activeElement);
      card.remove();
      this.#fold.open = false;
      this.#show();
      if (focused && before instanceof HTMLElement && before.isConnected) before.focus();
    }
  }

  /** Shows the result. */
  end(result: string, outcome: CallOutcome): void {
    Object.assign(this.#call, { result, outcome });
    this.#show();
  }

  #show(state: CallOutcome | 'running' | 'asking' = this.#call.outcome ?? 'running'): void {
    const { result } = this.#call;
    const { calling, called, callFailed, callRefused, callStopped } = this.strings;
    const ends = { done: called, failed: callFailed, refused: callRefused, stopped: callStopped };
    const titles = { running: calling, asking: '{tool}', ...ends };
    this.node.dataset['state'] = state;
    this.#title.textContent = this.#named(titles[state]);
    this.#arguments.textContent = shown(this.#call.arguments);
    this.#result.textContent = shown(result ?? '');
    this.#result.hidden = this.#resultTitle.hidden = !result;
  }

  #named(text: string): string {
    return text.replace('{tool}', () => plainName(this.#call.name) || '?');
  }
}

/** A text as the person reads it: JSON with line breaks, and a limited length. */
function shown(text: string): string {
  let laidOut = text;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object') laidOut = JSON.stringify(value, null, 2);
  } catch {
    // It is shown as it is.
  }
  const plain = plainText(laidOut);
  return plain.length > LONGEST ? `${cutText(plain, LONGEST)}…` : plain;
}
