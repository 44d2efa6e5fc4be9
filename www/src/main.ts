import type { LinnetError, LoadProgress } from 'linnet';
import { Chat, device } from './chat.ts';
import { Engine, type EngineState } from './engine.ts';
import { bytes, part } from './format.ts';
import { ModelDialog } from './model-dialog.ts';
import { button, element, make } from './page.ts';
import { sentence } from './sentences.ts';
import { addressOf, nameOf, type Settings, settingsFrom } from './settings.ts';

const SUGGESTIONS = ['Why is the sky blue?', 'Write a short poem about a small bird', 'Explain photosynthesis simply'];

const loading = element('loading', HTMLElement);
const loadingText = element('loading-text', HTMLSpanElement);
const loadingBar = element('loading-bar', HTMLProgressElement);
const loadingStop = element('loading-stop', HTMLButtonElement);
const modelButton = element('model-button', HTMLButtonElement);
const modelName = element('model-name', HTMLSpanElement);
const newChat = element('new-chat', HTMLButtonElement);
const notice = element('notice', HTMLElement);
const stats = element('stats', HTMLParagraphElement);

const engine = new Engine(settingsFrom(location.search), showState);
const chat = new Chat(
  engine,
  (text) => (stats.textContent = text),
  showAnswerFailure,
  () => {
    newChat.disabled = chat.conversation.isEmpty;
    if (!chat.busy) return;
    hideNotice();
    // Whoever asks wants the model.
    if (engine.state.kind === 'failed' || engine.state.kind === 'paused') void engine.load();
  },
);
const dialog = new ModelDialog(engine, change);

modelButton.addEventListener('click', () => dialog.open());
newChat.addEventListener('click', startNewChat);
loadingStop.addEventListener('click', () => {
  if (engine.state.kind === 'loading') engine.pause();
  else void engine.load();
});
for (const suggestion of SUGGESTIONS) {
  const item = make('li', '');
  item.append(button('', suggestion, () => void chat.ask(suggestion)));
  element('suggestions', HTMLUListElement).append(item);
}
// On a phone this would open the keyboard over the page.
if (matchMedia('(pointer: fine)').matches) element('prompt', HTMLTextAreaElement).focus();
void start();

/** Loads at once, unless the person asked their browser to be sparing with data and the model is a big one to fetch. */
async function start(): Promise<void> {
  const { connection } = navigator as { connection?: { saveData?: boolean } };
  if (connection?.saveData) showState(engine.state);
  else await engine.load();
}

/** Loads something else, in a new conversation. */
function change(settings: Settings): void {
  chat.stop();
  chat.conversation.clear();
  history.replaceState(null, '', addressOf(settings, location.href));
  void engine.load(settings);
}

function startNewChat(): void {
  chat.stop();
  chat.conversation.clear();
  newChat.disabled = true;
  hideNotice();
  element('prompt', HTMLTextAreaElement).focus();
}

function showState(state: EngineState): void {
  modelName.textContent = nameOf(engine.settings.model);
  modelButton.dataset['state'] = state.kind;
  document.documentElement.dataset['engine'] = state.kind;
  loading.hidden = state.kind === 'ready' || state.kind === 'failed';
  loadingBar.hidden = state.kind === 'paused';
  loadingStop.textContent = state.kind === 'paused' ? 'Download' : 'Pause';
  switch (state.kind) {
    case 'loading':
      if (!state.progress) hideNotice();
      showProgress(state.progress);
      break;
    case 'paused':
      loadingText.textContent = `${nameOf(engine.settings.model)} is not loaded.`;
      break;
    case 'ready': {
      const info = state.linnet.info();
      stats.textContent = `${device(info)} · ready`;
      break;
    }
    case 'failed':
      stats.textContent = '\u00a0';
      showLoadFailure(state.error);
  }
}

function showProgress(progress: LoadProgress | undefined): void {
  const { phase = 'engine', loaded = 0, total, bytesPerSecond } = progress ?? {};
  loadingStop.hidden = phase === 'prepare';
  if (total && phase !== 'prepare') loadingBar.value = loaded / total;
  else loadingBar.removeAttribute('value');
  loadingText.textContent = progressText(phase, loaded, total, bytesPerSecond);
}

function progressText(phase: LoadProgress['phase'], loaded: number, total?: number, perSecond?: number): string {
  if (phase === 'engine') return 'Starting the engine…';
  if (phase === 'prepare') return 'Getting the model ready…';
  const verb = { download: 'Downloading', cache: 'Loading from this browser', file: 'Loading from your file' }[phase];
  const amount = total ? `${part(loaded, total)} · ${Math.floor((100 * loaded) / total)} %` : bytes(loaded);
  return `${verb}: ${amount}${perSecond ? ` · ${bytes(perSecond)}/s` : ''}`;
}

function showLoadFailure(error: LinnetError): void {
  const actions = [button('primary', 'Try again', () => void engine.load())];
  const { settings } = engine;
  const onCpu = ['no-webgpu', 'device-lost', 'out-of-memory'].includes(error.code) && settings.backend !== 'cpu';
  if (onCpu) actions.push(button('secondary', 'Use the CPU', () => change({ ...settings, backend: 'cpu' })));
  actions.push(button('secondary', 'Choose another model', () => dialog.open()));
  showNotice(error, actions);
}

function showAnswerFailure(error: LinnetError): void {
  // After these the engine is gone; it is there again from the browser's storage in a moment.
  const reload = ['device-lost', 'out-of-memory', 'internal'].includes(error.code);
  const again = () => {
    hideNotice();
    if (reload) void engine.load();
    element('composer', HTMLFormElement).requestSubmit();
  };
  const actions = [button('primary', 'Try again', again)];
  if (error.code === 'context-full') actions.splice(0, 1, button('primary', 'New chat', startNewChat));
  showNotice(error, actions);
}

function showNotice(error: LinnetError, actions: HTMLElement[]): void {
  notice.dataset['code'] = error.code;
  element('notice-text', HTMLParagraphElement).textContent = sentence(error);
  element('notice-actions', HTMLDivElement).replaceChildren(...actions);
  notice.hidden = false;
  notice.scrollIntoView({ block: 'nearest' });
}

function hideNotice(): void {
  notice.hidden = true;
  delete notice.dataset['code'];
}
