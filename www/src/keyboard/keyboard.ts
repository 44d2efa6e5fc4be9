import { bytesOf, models, type SuggestedWord } from 'linnet';
import { isComposing } from 'linnet/chat-ui';
import { device } from '../page/facts.ts';
import { bytes } from '../page/format.ts';
import { keepModule, keepSite } from '../page/offline.ts';
import { button, element, make } from '../page/page.ts';
import { loadWith, sayBefore, Status } from '../models/progress.ts';
import { Query } from '../page/query.ts';
import { asLinnetError, errorMessage } from '../page/error-messages.ts';
import { nameOf, settingsFrom } from '../page/load-settings.ts';
import { Suggester } from './suggester.ts';

/** The number of suggestions. */
const WORDS = 3;
/** The words are announced after this many milliseconds without a key, not after each key. */
const PAUSE = 1000;
/** Punctuation that replaces the space that came with a word. */
const CLOSING = /^[.,;:!?)\]]$/;

const start = element('start', HTMLButtonElement);
const text = element('text', HTMLTextAreaElement);
const chips = element('words', HTMLDivElement);
const took = element('took', HTMLParagraphElement);
const spoken = element('spoken', HTMLParagraphElement);
const digits = element('digits', HTMLInputElement);
const status = new Status();
const query = new Query(location.search);
const settings = settingsFrom(query);

let suggester: Suggester | undefined;
/** The buttons; a word that no longer fits leaves its button empty. */
let words: readonly (SuggestedWord | undefined)[] = [];
/** The text of the last request. */
let behind: string | undefined;
/** The position of a space that came with a word. */
let ownSpace = -1;
let reading: ReturnType<typeof setTimeout> | undefined;

start.addEventListener('click', () => void load());
text.addEventListener('input', () => void suggest());
document.addEventListener('selectionchange', () => {
  if (document.activeElement === text && before() !== behind) void suggest();
});
text.addEventListener('keydown', choose);
text.addEventListener('beforeinput', ({ data }) => {
  const { selectionStart: caret, selectionEnd } = text;
  if (data && CLOSING.test(data) && caret === selectionEnd && caret === ownSpace + 1)
    text.setSelectionRange(ownSpace, caret);
  ownSpace = -1;
});
keepSite();
show([]);
void sayBefore(query, settings, status, sizeText());

async function load(): Promise<void> {
  start.disabled = true;
  try {
    const linnet = await loadWith({ contextLength: 2048, ...settings }, status, new AbortController().signal);
    keepModule(linnet.info());
    suggester = new Suggester(linnet);
    status.show(`${nameOf(settings.model, linnet.info())} · ${device(linnet.info())}`);
    start.hidden = true;
    text.disabled = false;
    text.focus();
    await suggest();
  } catch (error) {
    status.show(errorMessage(asLinnetError(error)));
    start.disabled = false;
  }
}

/** Describes the download of a listed model. */
function sizeText(): string {
  const listed = typeof settings.model === 'string' ? models.get(settings.model) : undefined;
  const size = listed && bytesOf(listed);
  return size ? `${listed.name}: ${bytes(size)}. It stays in this browser.` : '';
}

/** The text before the caret; `undefined` if text is selected. */
function before(): string | undefined {
  return text.selectionStart === text.selectionEnd ? text.value.slice(0, text.selectionStart) : undefined;
}

async function suggest(): Promise<void> {
  const prefix = before();
  words = narrowed(prefix);
  behind = prefix;
  clearTimeout(reading);
  if (!suggester || prefix === undefined) return putAway();
  chips.setAttribute('aria-busy', 'true');
  try {
    const found = await suggester.ask(prefix, WORDS);
    if (!found) return;
    show(found.words);
    took.textContent = `Last suggestion: ${Math.round(found.took)} ms`;
    reading = setTimeout(() => (spoken.textContent = found.words.map(({ word }) => word).join(', ')), PAUSE);
  } catch (error) {
    show([]);
    status.show(errorMessage(asLinnetError(error)));
  }
}

/** Keeps the words that still fit until new ones arrive, for a person who types on and picks one. */
function narrowed(prefix: string | undefined): typeof words {
  if (behind === undefined || !prefix?.startsWith(behind)) return [];
  const typed = prefix.slice(behind.length);
  return words.map((found) => {
    const fits =
      found && found.completion.length > typed.length && found.completion.toLowerCase().startsWith(typed.toLowerCase());
    return fits ? { word: found.word, completion: found.completion.slice(typed.length) } : undefined;
  });
}

function putAway(): void {
  suggester?.drop();
  clearTimeout(reading);
  spoken.textContent = '';
  show([]);
}

function show(found: readonly SuggestedWord[]): void {
  words = found;
  chips.setAttribute('aria-busy', 'false');
  chips.replaceChildren(
    ...Array.from({ length: WORDS }, (_, at) => {
      const word = found[at]?.word ?? '';
      const chip = button('word', '', () => take(at));
      const digit = make('kbd', '', String(at + 1));
      digit.setAttribute('aria-hidden', 'true');
      chip.append(digit, make('span', '', word));
      // An empty button keeps its place, so that nothing moves.
      chip.disabled = !word;
      if (!word) chip.setAttribute('aria-hidden', 'true');
      // The text box keeps the focus, so a phone keeps its keyboard open.
      chip.addEventListener('pointerdown', (event) => event.preventDefault());
      return chip;
    }),
  );
}

/** Inserts a word and a space at the caret. */
function take(at: number): void {
  const word = words[at];
  if (!word || before() === undefined) return;
  text.focus();
  const caret = text.selectionStart;
  const spaced = /^\s/.test(text.value.slice(caret));
  insert(word.completion + (spaced ? '' : ' '));
  ownSpace = spaced ? -1 : text.selectionStart - 1;
}

/** Inserts text as if typed, so that it can be undone; if the browser cannot do that, sets it directly. */
function insert(what: string): void {
  if (document.execCommand('insertText', false, what)) return;
  text.setRangeText(what, text.selectionStart, text.selectionEnd, 'end');
  void suggest();
}

function choose(event: KeyboardEvent): void {
  const { key, altKey, ctrlKey, metaKey, shiftKey } = event;
  if (isComposing(event) || altKey || ctrlKey || metaKey || shiftKey) return;
  if (key === 'Escape') return putAway();
  const at = key === 'Tab' ? 0 : digits.checked && /^[1-9]$/.test(key) ? Number(key) - 1 : -1;
  const comes = key === 'Tab' && chips.getAttribute('aria-busy') === 'true';
  if (!words[at] && !comes) return;
  event.preventDefault();
  take(at);
}
