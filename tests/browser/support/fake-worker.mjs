// A fake engine for the demo site: it replaces the package's worker and answers as a test says.

/**
 * For `page.evaluateOnNewDocument`. The page's `asked` has the requests, and `told` all messages to the worker. A test
 * may replace the rest: `pieces(request)` returns the texts of an answer, or fields of its `token` events; `recorded`
 * has all events of the first answers, which come instead; `pause` is the time in milliseconds before each of them;
 * `tokens(request)` is the number of tokens of a prompt; `refusal(task)` returns the error that a load or a request
 * fails with, if any; and `shares` are the fractions of the model at which a download reports progress.
 */
export function fakeWorker() {
  const info = {
    model: {
      name: 'Parrot',
      architecture: 'llama',
      parameters: 1e6,
      quantization: 'Q8_0',
      context_length: 2048,
      training_context_length: 2048,
      file_bytes: 1e6,
      chat: true,
      reasoning: 'none',
      thinks: false,
      tools: false,
    },
    backend: 'cpu',
    features: ['simd128'],
    threads: 1,
    memory: { weights: 1e6, kv: 1e6, scratch: 1e6, heap: 4e6 },
    module: 'simd128',
    origin: 'network',
    stored: false,
  };
  const window = /** @type {any} */ (globalThis);
  window.asked = [];
  window.told = [];
  window.recorded = [];
  window.pause = 0;
  window.info = info;
  window.pieces = (request) => ['You said: ', request.messages?.at(-1).content ?? request.prompt];
  window.tokens = () => 5;
  window.refusal = () => undefined;
  window.shares = [];
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  window.Worker = class extends EventTarget {
    onmessage = (_) => {};
    #cancelled = new Set();

    postMessage(message) {
      window.told.push(message);
      if (message.type === 'load') void this.#load(message);
      else if (message.type === 'cancel') this.#cancelled.add(message.id);
      else if (message.type === 'ping') this.#say({ type: 'pong' });
      else if (message.type === 'generate') void this.#answer(message.id, JSON.parse(message.request));
      else if (message.type === 'count') {
        const tokens = window.tokens(JSON.parse(message.request));
        this.#say({ type: 'event', id: message.id, event: { type: 'counted', tokens } });
      }
    }

    terminate() {}

    async #load(task) {
      for (const share of window.shares) {
        this.#say({ type: 'progress', progress: { phase: 'download', loaded: share * 1e6, total: 1e6 } });
        await wait(60);
      }
      const error = window.refusal(task);
      this.#say(error ? { type: 'load-failed', error } : { type: 'loaded', info: window.info });
    }

    async #answer(id, request) {
      const event = (event) => this.#say({ type: 'event', id, event });
      for (const recorded of window.recorded[window.asked.push(request) - 1] ?? []) {
        if (window.pause) await wait(window.pause);
        event(recorded);
        if (recorded.type === 'done') return;
      }
      const error = window.refusal(request);
      if (error) return this.#say({ type: 'error', id, error });
      const pieces = window.pieces(request);
      let said = 0;
      let reasoning_tokens = 0;
      let called = false;
      for (const piece of pieces) {
        if (window.pause) await wait(window.pause);
        if (this.#cancelled.has(id)) break;
        const fields = typeof piece === 'string' ? { text: piece } : piece;
        if (fields.reasoning) reasoning_tokens++;
        called ||= Boolean(fields.tool_calls);
        event({ type: 'token', text: '', ...fields, token: said++ });
      }
      const prompt_tokens = window.tokens(request);
      const usage = { prompt_tokens, completion_tokens: said, total_tokens: prompt_tokens + said, reasoning_tokens };
      const timings = {
        prompt_n: 5,
        prompt_ms: 10,
        prompt_per_second: 500,
        predicted_n: said,
        predicted_ms: 10 * said,
        predicted_per_second: 100,
      };
      const finish_reason = this.#cancelled.has(id) ? 'cancelled' : called ? 'tool_calls' : 'stop';
      event({ type: 'done', finish_reason, text: '', usage, timings });
    }

    #say(data) {
      setTimeout(() => this.onmessage({ data }));
    }
  };
}
