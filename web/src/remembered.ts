/** Where the names of the models that this site has stored in the browser are kept, as a JSON list. */
const KEY = 'linnet-stored-models';

/** Whether a model was loaded here before, and stored: then it need not be downloaded, unless the browser has cleared it away since. */
export function remembered(model: string): boolean {
  return read().includes(model);
}

/** Notes that a model is stored. */
export function remember(model: string): void {
  const models = read();
  if (models.includes(model)) return;
  try {
    localStorage.setItem(KEY, JSON.stringify([...models, model]));
  } catch {
    // Without storage (a private window, a sandboxed frame) it is as if it were new every time.
  }
}

function read(): unknown[] {
  try {
    const models: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    return Array.isArray(models) ? models : [];
  } catch {
    return [];
  }
}
