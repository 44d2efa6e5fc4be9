import { type EngineInfo, Linnet, type LinnetError, type LoadProgress, models, type Recovered } from 'linnet';
import { ChatNotice } from 'linnet/chat-ui';
import { plainName } from 'linnet/markdown';
import { Chat } from './chat.ts';
import { ChatMenu, type LeftChat } from './chat-menu.ts';
import type { Fault } from './chats.ts';
import { Engine, type EngineState } from '../models/engine.ts';
import { device } from '../page/facts.ts';
import { type ForeignModel, foreignModel, question, sizeOf } from '../models/foreign-model.ts';
import { whole } from '../page/format.ts';
import { type AnswerSettings, answerSettingsFrom, keepThinking, usualFor } from './settings.ts';
import { SettingsDialog } from './settings-dialog.ts';
import { ModelDialog } from '../models/model-dialog.ts';
import { keepModule, keepSite } from '../page/offline.ts';
import { button, element, make, nextTask } from '../page/page.ts';
import { openThoughtsForPrint } from './print.ts';
import { progressText } from '../models/progress.ts';
import { Query } from '../page/query.ts';
import { errorMessage } from '../page/error-messages.ts';
import { addressOf, isImported, nameOf, type Settings, settingsFrom } from '../page/load-settings.ts';

const SUGGESTIONS = ['Why is the sky blue?', 'Write a short poem about a small bird', 'Explain photosynthesis simply'];

const loading = element('loading', HTMLElement);
const loadingText = element('loading-text', HTMLSpanElement);
const loadingBar = element('loading-bar', HTMLProgressElement);
const loadingStop = element('loading-stop', HTMLButtonElement);
const modelButton = element('model-button', HTMLButtonElement);
const modelName = element('model-name', HTMLSpanElement);
const newChat = element('new-chat', HTMLButtonElement);
const noticeElements = {
  node: element('notice', HTMLElement),
  text: element('notice-text', HTMLParagraphElement),
  actions: element('notice-actions', HTMLDivElement),
};
const revealNotice = () => noticeElements.node.scrollIntoView({ block: 'nearest' });
const notice = new ChatNotice(noticeElements, revealNotice);
const stats = element('stats', HTMLParagraphElement);

const query = new Query(location.search);
const engine = new Engine(settingsFrom(query), showState);
/** The person's settings for answers. */
let own = answerSettingsFrom(query);
/** Whether the model may be downloaded: a model on another host, from a link, only if the person agreed. */
let mayLoad = false;
const usual = () => usualFor(engine.settings.model, modelInfo());
const modelInfo = () => (engine.state.kind === 'ready' ? engine.state.linnet.info().model : undefined);
const answerSettings = (): AnswerSettings => ({ ...usual(), ...own });
const chat = new Chat(
  engine,
  answerSettings,
  (text) => (stats.textContent = text),
  showAnswerFailure,
  () => {
    newChat.disabled = chat.conversation.isEmpty;
    menu.keep();
    if (!chat.busy) return;
    notice.hide();
    if (!mayLoad) return revealNotice();
    // Asking implies agreement to load the model.
    if (engine.state.kind === 'failed' || engine.state.kind === 'paused') void engine.load();
  },
  (thinking) => {
    own = { ...own, thinking };
    keepThinking(thinking);
  },
);
chat.composer.thinking = answerSettings().thinking;
chat.conversation.system = answerSettings().system;
const menu = new ChatMenu(chat, () => modelName.textContent ?? '', {
  onSwitch(chosen) {
    newChat.disabled = chat.conversation.isEmpty;
    if (chosen) notice.hide();
  },
  onOpenTwice() {
    const text = 'This chat is also open in another tab. What you write here is saved as a separate chat.';
    notice.show(text, 'open-twice', [ok()]);
  },
  onTakenOver() {
    const text = 'The other tab no longer has this chat open. What you write here is saved in this chat.';
    notice.show(text, 'open-twice', [ok()]);
  },
  onNotStored: (fault) => notice.show(`This chat is ${notSaved(fault)}`, 'not-saved', [ok()]),
});
const settingsDialog = new SettingsDialog(answerSettings, usual, (set) => {
  own = set;
  chat.conversation.system = answerSettings().system;
});
const dialog = new ModelDialog(engine, change);

modelButton.addEventListener('click', () => dialog.open());
newChat.addEventListener('click', startNewChat);
loadingStop.addEventListener('click', () => {
  if (engine.state.kind === 'loading') engine.pause();
  else if (mayLoad) void engine.load();
});
for (const suggestion of SUGGESTIONS) {
  const item = make('li', '');
  item.append(button('', suggestion, () => void chat.ask(suggestion)));
  element('suggestions', HTMLUListElement).append(item);
}
chat.composer.focusForKeyboard();
element('settings-button', HTMLButtonElement).addEventListener('click', () => settingsDialog.open());
keepSite();
openThoughtsForPrint();
void menu.restore();
void start();

/**
 * Loads at once, unless a link names a model on another host, or the browser is set to save data and the model is
 * large.
 */
async function start(): Promise<void> {
  // Show the page first.
  await nextTask();
  const foreign = await foreignModel(engine.settings.model);
  // Another model may have been chosen meanwhile.
  if (mayLoad) return;
  if (foreign) return askFirst(foreign);
  mayLoad = true;
  const { connection } = navigator as { connection?: { saveData?: boolean } };
  const wanted = !connection?.saveData || chat.busy;
  if (!wanted) showState(engine.state);
  const loaded = wanted ? engine.load() : undefined;
  if (query.ignored.length > 0) notice.show(query.ignored.join(' '), 'ignored-options', [ok()]);
  await loaded;
}

/** Asks whether to download a model from another host. Adds its size once the host has told it. */
async function askFirst(foreign: ForeignModel): Promise<void> {
  showState(engine.state);
  const [first] = models.all;
  const usual = { ...engine.settings, model: first!.id };
  notice.ask(question(foreign, 'checking its size'), 'foreign-model', [
    button('primary', 'Download', load),
    button('secondary', `Use ${first!.name}`, () => change(usual)),
    button('secondary', 'Choose another model', () => dialog.open()),
  ]);
  if (query.ignored.length > 0) notice.show(query.ignored.join(' '), 'ignored-options', []);
  const size = await sizeOf(foreign);
  notice.reword(question(foreign, size));
}

/** Loads the model of the settings, at the person's request. */
function load(): void {
  allowLoading();
  void engine.load();
}

function allowLoading(): void {
  mayLoad = true;
  notice.answered();
}

/** Loads another model in a new conversation. If conversations are not stored, the current one continues. */
function change(settings: Settings): void {
  const left = menu.keepsChats ? beginChat() : undefined;
  if (!menu.keepsChats) chat.stop();
  history.replaceState(null, '', addressOf(settings, location.href));
  allowLoading();
  void engine.load(settings);
  if (left) void showWhere(left, nameOf(settings.model));
}

/** Says where the previous chat is, once it is known whether it is stored. */
async function showWhere({ goBack, fault }: LeftChat, next: string): Promise<void> {
  const why = await fault;
  // An error of the load is more important.
  if (notice.code !== undefined && notice.code !== 'not-saved') return;
  const where = why ? `Your last chat is ${notSaved(why)}` : 'Your chat is saved: find it in the menu, under “Chats”.';
  const text = `${where} A new chat starts with ${next}.`;
  notice.show(text, 'chat-kept', [button('primary', 'Go back to it', goBack), ok()]);
}

function notSaved(fault: Fault): string {
  const reason = fault === 'full' ? 'there is no space left. Free some space.' : 'the browser refused to store it.';
  return `not saved: ${reason} Until you close this tab, it is in the menu, where you can also save it as a file.`;
}

/** @returns the previous chat, if there was one */
function beginChat(): LeftChat | undefined {
  const left = menu.begin();
  chat.conversation.system = answerSettings().system;
  newChat.disabled = true;
  return left;
}

function startNewChat(): void {
  beginChat();
  notice.hide();
  chat.composer.focus();
}

function showState(state: EngineState): void {
  modelName.textContent = nameOf(engine.settings.model, state.kind === 'ready' ? state.linnet.info() : undefined);
  modelButton.dataset['state'] = state.kind;
  document.documentElement.dataset['engine'] = state.kind;
  chat.composer.thinkingSwitch = modelInfo()?.reasoning === 'optional';
  chat.composer.thinking = answerSettings().thinking;
  loading.hidden = state.kind === 'ready' || state.kind === 'failed' || !mayLoad;
  loadingBar.hidden = state.kind === 'paused';
  loadingStop.textContent = state.kind === 'paused' ? 'Download' : 'Pause';
  switch (state.kind) {
    case 'loading':
      if (!state.progress) notice.hide();
      showProgress(state.progress);
      break;
    case 'paused':
      loadingText.textContent = `${nameOf(engine.settings.model)} is not loaded.`;
      break;
    case 'ready': {
      const info = state.linnet.info();
      stats.textContent = `${device(info)} · ready`;
      keepModule(info);
      // A file that was imported during the load now has an address.
      if (isImported(engine.settings.model)) history.replaceState(null, '', addressOf(engine.settings, location.href));
      if (info.recovered) showRecovery(info.recovered, info);
      break;
    }
    case 'failed':
      stats.textContent = '\u00a0';
      showLoadFailure(state.error);
  }
}

function showProgress(progress: LoadProgress | undefined): void {
  const { phase = 'engine', loaded = 0, total } = progress ?? {};
  loadingStop.hidden = phase === 'prepare';
  if (total && phase !== 'prepare') loadingBar.value = loaded / total;
  else loadingBar.removeAttribute('value');
  loadingText.textContent = progressText(progress);
}

/** Loads without the address's context length if the model was not trained for it, which only its file tells. */
function withoutContext({ contextLength, ...settings }: Settings, { message }: LinnetError): void {
  history.replaceState(null, '', addressOf(settings, location.href));
  void engine.load(settings);
  const reason = plainName(message.replace(/^`\w+` is \d+; /, ''));
  const text = `“context=${contextLength}” in the address of this page is ignored: ${reason}.`;
  notice.show(text, 'ignored-options', [ok()]);
}

function showLoadFailure(error: LinnetError): void {
  if (error.details['field'] === 'context_length' && engine.settings.contextLength)
    return withoutContext(engine.settings, error);
  const died = 'crashes' in error.details;
  const actions = [button('primary', 'Try again', died ? loadInFull : () => void engine.load())];
  const { settings } = engine;
  const onCpu = ['no-webgpu', 'device-lost', 'out-of-memory'].includes(error.code) && settings.backend !== 'cpu';
  if (onCpu) actions.push(button('secondary', 'Use the CPU', () => change({ ...settings, backend: 'cpu' })));
  // The same file would fail again.
  if (['not-found', 'integrity', 'bad-model'].includes(error.code) && 'file' in error.details) actions.splice(0, 1);
  const smaller = smallerFor(error);
  if (smaller)
    actions.unshift(button('primary', `Load ${nameOf(smaller)}`, () => change({ ...settings, model: smaller })));
  if (smaller) actions[1]!.className = 'secondary';
  actions.push(button('secondary', 'Choose another model', () => dialog.open()));
  showNotice(error, actions);
}

/** The listed model that the package suggests instead of one that is too large. */
function smallerFor({ details }: LinnetError): string | undefined {
  const { model } = (details['smaller'] ?? {}) as { model?: string };
  return model && models.get(model) ? model : undefined;
}

/** Tells that less is tried than requested, since the page crashed before. */
function showRecovery({ step, phase }: Recovered, { model }: EngineInfo): void {
  const when = phase === 'load' ? 'while the model was loading' : 'during its first answer';
  const what = step === 'cpu' ? 'runs on the CPU' : `has a smaller context (${whole(model.context_length)} tokens)`;
  notice.show(`The browser closed this page ${when}. To prevent that, the model now ${what}.`, 'recovered', [
    button('primary', 'Keep this', () => notice.hide()),
    button('secondary', 'Try the full settings again', loadInFull),
  ]);
}

/** Forgets earlier crashes. */
function loadInFull(): void {
  Linnet.resetRecovery();
  void engine.load();
}

function showAnswerFailure(error: LinnetError): void {
  // After these errors the engine is gone; it is loaded again from the store in a moment.
  const reload = ['device-lost', 'out-of-memory', 'internal'].includes(error.code);
  const again = () => {
    notice.hide();
    if (reload) void engine.load();
    chat.composer.send();
  };
  const actions = [button('primary', 'Try again', again)];
  // The same question would be too long again.
  if (error.code === 'context-full') actions.splice(0, 1, ok());
  showNotice(error, actions);
}

function showNotice(error: LinnetError, actions: HTMLElement[]): void {
  notice.show(errorMessage(error), error.code, actions);
}

function ok(): HTMLButtonElement {
  return button('secondary', 'OK', () => notice.hide());
}
