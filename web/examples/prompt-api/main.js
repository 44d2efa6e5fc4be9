import { installLanguageModel } from './node_modules/linnet/dist/prompt-api.js';

const button = document.querySelector('button');
const progress = document.querySelector('progress');
const output = document.querySelector('output');

// A browser with a built-in model uses it; all others use Linnet.
await installLanguageModel({ model: 'smollm2-135m-instruct', modelBase: 'models/', preferBuiltIn: true });

button.addEventListener('click', async () => {
  button.disabled = true;
  try {
    const session = await LanguageModel.create({
      initialPrompts: [{ role: 'system', content: 'Answer in one sentence.' }],
      monitor: (m) => m.addEventListener('downloadprogress', ({ loaded }) => (progress.value = loaded)),
    });
    output.textContent = '';
    for await (const piece of session.promptStreaming(button.textContent)) output.append(piece);
    session.destroy();
  } catch (error) {
    output.textContent = `${error.name}: ${error.message}`;
  } finally {
    button.disabled = false;
  }
});
