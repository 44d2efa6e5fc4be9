import { Linnet, LinnetError } from './node_modules/linnet/dist/index.js';

const status = document.querySelector('#status');
const text = document.querySelector('textarea');
const list = document.querySelector('#words');
let search = new AbortController();

try {
  const linnet = await Linnet.load('smollm2-135m-instruct', { modelBase: 'models/', contextLength: 512 });
  status.textContent = 'Type.';
  text.disabled = false;
  text.addEventListener('input', () => suggest(linnet).catch(show));
} catch (error) {
  show(error);
}

async function suggest(linnet) {
  // A new key makes the earlier search outdated.
  search.abort();
  search = new AbortController();
  const prefix = text.value.slice(0, text.selectionStart);
  const { words } = await linnet.suggest({ prefix, within: 500, signal: search.signal });
  list.replaceChildren(...words.map(({ word, completion }) => button(linnet, word, completion)));
}

function button(linnet, word, completion) {
  const made = document.createElement('button');
  made.textContent = word;
  made.addEventListener('click', () => {
    text.setRangeText(`${completion} `, text.selectionStart, text.selectionStart, 'end');
    text.focus();
    suggest(linnet).catch(show);
  });
  return made;
}

function show(error) {
  if (!(error instanceof LinnetError)) throw error;
  if (error.code !== 'aborted') status.textContent = `${error.message} (${error.code})`;
}
