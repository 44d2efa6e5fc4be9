/** Where the browser keeps the models that its person has agreed to download on this site, as a JSON list. */
const KEY = 'linnet-chat-models';

/** Whether a model was downloaded here with consent, and stored: then it is loaded without asking again. */
export function remembered(model: string): boolean {
  return read().includes(model);
}

/** Notes that a model was downloaded with consent and is stored. */
export function remember(model: string): void {
  const models = read();
  if (models.includes(model)) return;
  try {
    localStorage.setItem(KEY, JSON.stringify([...models, model]));
  } catch {
    // Without storage (a private window, a sandboxed frame) the question is asked again.
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
