import { Linnet, type LoadProgress } from 'linnet';
import { foreignModel, sizeOf } from './foreign-model.ts';
import { bytes, part } from '../page/format.ts';
import { element } from '../page/page.ts';
import type { Query } from '../page/query.ts';
import { loadOptions, type Settings } from '../page/load-settings.ts';

/** Describes the phase of a load. */
export function progressText(
  { phase, loaded, total, bytesPerSecond }: LoadProgress = { phase: 'engine', loaded: 0 },
): string {
  if (phase === 'engine') return 'Starting the engine…';
  if (phase === 'prepare') return 'Getting the model ready…';
  const verb = { download: 'Downloading', cache: 'Loading from this browser', file: 'Loading from your file' }[phase];
  const amount = total ? `${part(loaded, total)} · ${Math.floor((100 * loaded) / total)} %` : bytes(loaded);
  return `${verb}: ${amount}${bytesPerSecond ? ` · ${bytes(bytesPerSecond)}/s` : ''}`;
}

/** A status line with a progress bar. */
export class Status {
  readonly #text = element('status', HTMLParagraphElement);
  readonly #bar = element('bar', HTMLProgressElement);

  /** Whether nothing was started yet. */
  isIdle = true;

  /** @param done from 0 to 1; undefined if unknown; `null` if nothing is in progress */
  show(text: string, done: number | null | undefined = null): void {
    this.#text.textContent = text;
    this.#bar.hidden = done === null;
    if (typeof done === 'number') this.#bar.value = done;
    else this.#bar.removeAttribute('value');
  }
}

/**
 * Tells the person what they should know before a load: ignored options of the address, and downloads from another
 * host. Pressing the load button is their agreement.
 */
export async function sayBefore(query: Query, { model }: Settings, status: Status, more = ''): Promise<void> {
  const texts = [more, ...query.ignored];
  const show = (...last: string[]) => status.show([...texts, ...last].filter(Boolean).join(' '));
  show();
  const foreign = await foreignModel(model);
  if (!foreign) return;
  const { name, host } = foreign;
  // The person may press it meanwhile.
  const tell = (size: string) =>
    status.isIdle && show(`The model is ${name} from ${host}${size}. It stays in this browser.`);
  tell('');
  const size = await sizeOf(foreign);
  if (size) tell(`, ${size}`);
}

/** Loads the model of the settings and shows the progress. */
export function loadWith(settings: Settings, status: Status, signal: AbortSignal): Promise<Linnet> {
  status.isIdle = false;
  status.show(progressText(), undefined);
  return Linnet.load(settings.model, {
    ...loadOptions(settings),
    signal,
    onProgress: (progress) => {
      const known = progress.total && progress.phase !== 'prepare';
      if (!signal.aborted) status.show(progressText(progress), known ? progress.loaded / progress.total! : undefined);
    },
  });
}
