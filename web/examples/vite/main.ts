import { Linnet, LinnetError, models } from 'linnet';

const button = document.querySelector('button')!;
const progress = document.querySelector('progress')!;
const output = document.querySelector('output')!;
let linnet: Linnet | undefined;

button.addEventListener('click', async () => {
  button.disabled = true;
  try {
    // Load at the first click, so that nobody downloads 98 MB without asking for it.
    linnet ??= await Linnet.load(models.all[0]!.id, {
      modelBase: 'models/',
      onProgress: ({ loaded, total = Infinity }) => (progress.value = loaded / total),
    });
    output.textContent = 'Once upon a time';
    for await (const { choices } of linnet.completions.create({
      prompt: 'Once upon a time',
      max_tokens: 40,
      stream: true,
    })) {
      output.textContent += choices[0].text;
    }
  } catch (error) {
    output.textContent = error instanceof LinnetError ? `${error.message} (${error.code})` : String(error);
  } finally {
    button.disabled = false;
  }
});
