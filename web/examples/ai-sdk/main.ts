import { streamText } from 'ai';
import { linnet } from 'linnet/ai-sdk';

const [ask, stop] = document.querySelectorAll('button');
const output = document.querySelector('output')!;
const model = linnet('smollm2-135m-instruct', {
  modelBase: 'models/',
  onProgress: ({ phase, loaded, total }) => (output.textContent = `${phase}: ${loaded} of ${total ?? '?'} bytes`),
});
let abort = new AbortController();

ask!.addEventListener('click', async () => {
  abort.abort();
  abort = new AbortController();
  // The SDK reports a failure here, and ends the stream without throwing.
  const onError = ({ error }: { error: unknown }) => void (output.textContent = String(error));
  const prompt = ask!.textContent ?? '';
  const { textStream } = streamText({
    model,
    system: 'Answer in one sentence.',
    prompt,
    maxOutputTokens: 100,
    abortSignal: abort.signal,
    onError,
  });
  let text = '';
  for await (const piece of textStream) output.textContent = text += piece;
});
stop!.addEventListener('click', () => abort.abort());
