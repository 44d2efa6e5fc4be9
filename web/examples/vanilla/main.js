import { Linnet, LinnetError } from './node_modules/linnet/dist/index.js';

const status = document.querySelector('#status');
const form = document.querySelector('form');
const output = document.querySelector('output');
const messages = [{ role: 'system', content: 'You are a helpful assistant.' }];
let stop = new AbortController();

try {
  const linnet = await Linnet.load('smollm2-135m-instruct', {
    modelBase: 'models/',
    onProgress({ phase, loaded, total }) {
      status.textContent = total ? `${phase} ${Math.round((100 * loaded) / total)} %` : phase;
    },
  });
  status.textContent = `Ready, on ${linnet.info().backend}.`;
  form.querySelector('button').disabled = false;
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    answer(linnet, form.elements.question.value).catch(show);
  });
} catch (error) {
  show(error);
}

document.querySelector('#stop').addEventListener('click', () => stop.abort());

async function answer(linnet, question) {
  stop.abort();
  stop = new AbortController();
  messages.push({ role: 'user', content: question });
  output.textContent = '';
  const stream = linnet.chat.completions.create({ messages, max_tokens: 100, stream: true, signal: stop.signal });
  for await (const chunk of stream) output.textContent += chunk.choices[0].delta.content ?? '';
  messages.push({ role: 'assistant', content: output.textContent });
}

function show(error) {
  if (!(error instanceof LinnetError)) throw error;
  if (error.code !== 'aborted') status.textContent = `${error.message} (${error.code})`;
}
