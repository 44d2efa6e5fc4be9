import 'linnet/element';
import { copies } from '../page/clipboard.ts';
import { keepSite } from '../page/offline.ts';
import { element, make } from '../page/page.ts';
import { attributesOf, snippetOf, type EmbedOptions } from './snippet.ts';

const form = element('own', HTMLFormElement);
const heading = element('own-heading', HTMLInputElement);
const greeting = element('own-greeting', HTMLInputElement);
const suggestions = element('own-suggestions', HTMLTextAreaElement);
const context = element('own-context', HTMLTextAreaElement);
const live = element('live', HTMLDivElement);
const snippet = element('snippet', HTMLElement);
const status = element('status', HTMLParagraphElement);

heading.value = 'Ask the baker';
greeting.value = 'Hello! What would you like to know?';
suggestions.value = 'When are you open?\nDo you bake rye bread?';
context.value = 'We are open from 7 to 18 h, but not on Mondays. We bake rye bread on Tuesdays and Fridays.';

form.addEventListener('submit', (event) => event.preventDefault());
form.addEventListener('input', () => (snippet.textContent = snippetOf(options())));
// The chat is created again when a field is left, not at each key.
form.addEventListener('change', show);
copies(
  element('copy', HTMLButtonElement),
  () => snippetOf(options()),
  (text) => (status.textContent = text),
);
keepSite();
show();

function options(): EmbedOptions {
  const mode = new FormData(form).get('mode') === 'button' ? 'button' : 'inline';
  const lines = suggestions.value.split('\n').map((line) => line.trim());
  return {
    mode,
    heading: heading.value.trim(),
    greeting: greeting.value.trim(),
    suggestions: lines.filter(Boolean),
    context: context.value,
  };
}

function show(): void {
  const wanted = options();
  snippet.textContent = snippetOf(wanted);
  const chat = document.createElement('linnet-chat');
  for (const [name, value] of Object.entries(attributesOf(wanted))) chat.setAttribute(name, value);
  // There may be copies of the listed models next to this page.
  chat.setAttribute('model-base', './models/');
  if (wanted.context.trim()) {
    const known = make('script', '', wanted.context);
    known.type = 'text/plain';
    chat.append(known);
  }
  live.replaceChildren(chat);
}
