// Many short chats: the page's process uses no more memory after many of them than after the first few.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { chromium } from '../../support/engines.mjs';
import { load, MODEL_ID, noModel, openBlank, openPage, startServer } from '../../support/harness.mjs';

const TURNS = 200;
/** After this many turns everything has been allocated. */
const SETTLED = 20;
const MOST_GROWTH = 1.05;
const MB = 1 << 20;

const skip =
  noModel || (process.platform === 'linux' ? false : 'skipped: the memory of a process is read as Linux tells it');

describe('two hundred short chats', { skip, timeout: 600_000 }, () => {
  let browser;
  let server;
  before(async () => {
    browser = await chromium({ webgpu: false });
    server = await startServer({
      files: {
        '/chat.html': Buffer.from(
          '<!doctype html><meta charset="utf-8"><title>test</title>' +
            '<script type="module" src="/linnet/element.js"></script>',
        ),
      },
    });
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  /** The memory of the page's process after garbage collection (PSS). */
  async function memory(page) {
    // The engine's threads wait and cannot respond.
    const workers = page.workers().filter((worker) => worker.url().endsWith('/worker.js'));
    const sessions = [await page.createCDPSession(), ...workers.map(({ client }) => client)];
    for (const session of sessions) {
      await session.send('HeapProfiler.enable');
      await session.send('HeapProfiler.collectGarbage');
    }
    await sessions[0].detach();
    const client = await browser.target().createCDPSession();
    const { processInfo } = await client.send('SystemInfo.getProcessInfo');
    await client.detach();
    // Other processes have no page or an empty one; the model makes this one by far the largest.
    const bytes = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => pss(id));
    return Math.max(...bytes);
  }

  function pss(pid) {
    const kilobytes = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
    return 1024 * Number(kilobytes);
  }

  /** Runs turns in blocks, measures the memory between them, and compares the last value with the first. */
  async function soak(t, page, turns) {
    const start = performance.now();
    const looks = [];
    for (let done = 0; done < TURNS; done += SETTLED) {
      await turns(done, SETTLED);
      looks.push(await memory(page));
    }
    const seconds = (performance.now() - start) / 1000;
    t.diagnostic(
      `MB after each ${SETTLED} turns: ${looks.map((bytes) => (bytes / MB).toFixed(1)).join(' ')}; ` +
        `${seconds.toFixed(0)} s`,
    );
    const growth = looks.at(-1) / looks[0];
    assert.ok(growth < MOST_GROWTH, `it takes ${growth.toFixed(3)} times as much as after ${SETTLED} turns`);
  }

  test('through the API', async (t) => {
    const page = await openBlank(browser, server);
    t.after(() => page.close());
    const info = await load(page, MODEL_ID, { backend: 'cpu', contextLength: 256 });
    assert.equal(info.code, undefined, info.message);
    let resets = 0;
    await soak(t, page, async (from, count) => {
      resets += await page.evaluate(
        async (from, count) => {
          const window = /** @type {any} */ (globalThis);
          let resets = 0;
          for (let turn = from; turn < from + count; turn++) {
            window.messages ??= [];
            window.messages.push({ role: 'user', content: `Say the number ${turn}.` });
            try {
              let text = '';
              const request = { messages: window.messages, max_tokens: 4, temperature: 0, stream: true };
              for await (const { choices } of window.engine.chat.completions.create(request))
                text += choices[0].delta.content ?? '';
              window.messages.push({ role: 'assistant', content: text });
            } catch (/** @type {any} */ error) {
              if (error.code !== 'context-full') throw error;
              resets++;
              turn--;
              window.messages = [];
            }
          }
          return resets;
        },
        from,
        count,
      );
    });
    assert.ok(resets > 5, `the context was full ${resets} times`);
  });

  test('through the element', async (t) => {
    const page = await openPage(browser, `${server.origin}/chat.html`);
    t.after(() => page.close());
    await page.evaluate((model) => {
      const chat = document.createElement('linnet-chat');
      const attributes = {
        mode: 'inline',
        open: '',
        model,
        'model-base': '/models/',
        backend: 'cpu',
        'context-length': '512',
        temperature: '0',
        'max-tokens': '4',
        pace: 'full',
      };
      for (const [name, value] of Object.entries(attributes)) chat.setAttribute(name, value);
      document.body.append(chat);
    }, MODEL_ID);
    let answers = 0;
    await soak(t, page, async (from, count) => {
      answers += await page.evaluate(
        async (from, count) => {
          const chat = /** @type {any} */ (document.querySelector('linnet-chat'));
          let answers = 0;
          const count1 = () => answers++;
          chat.addEventListener('linnet-answer', count1);
          for (let turn = from; turn < from + count; turn++) {
            // Before the oldest exchanges must be dropped, after which the whole prompt is processed again.
            if (turn % 10 === 0) chat.clear();
            await chat.ask(`Say the number ${turn}.`);
          }
          chat.removeEventListener('linnet-answer', count1);
          return answers;
        },
        from,
        count,
      );
    });
    assert.equal(answers, TURNS);
  });
});
