// <linnet-chat> with restrictions: in frames, under policies, on devices that cannot run the model.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fakeWorker } from '../../support/fake-worker.mjs';
import { openPage, startServer, STRICT_CSP, talkingTiny } from '../../support/harness.mjs';
import { answered, bodyText, FAKE, html, inChat, part, ChatFixture, within } from '../../support/chat-fixture.mjs';

describe('the chat element in other pages', { timeout: 900_000 }, () => {
  /** @type {ChatFixture} */
  let fixture;
  before(async () => {
    fixture = await ChatFixture.open({
      '/site.html':
        html(`<linnet-chat heading="Bäckerei" suggestions="Wann?"><b slot="launcher">?</b><b slot="title">Fragen</b>
        <b slot="greeting">Guten Tag!</b><b slot="footer">Ohne Gewähr</b></linnet-chat>`),
      '/choice.html': html('<linnet-chat real model="/parrot.gguf" backend="cpu"></linnet-chat>'),
      '/frame.html': html('<iframe src="/inline.html" width="360" height="640" title="Chat"></iframe>'),
    });
  });
  after(() => fixture?.close());

  test('a site can set its texts, styles and parts', async (t) => {
    const page = await fixture.visit(t, '/site.html');
    await page.evaluate(() => {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(
        'linnet-chat { --linnet-accent: rgb(0, 90, 60); --linnet-radius: 3px } linnet-chat::part(message) { ' +
          'outline: 7px solid rgb(1, 2, 3) }',
      );
      document.adoptedStyleSheets = [sheet];
      const chat = /** @type {any} */ (document.querySelector('linnet-chat'));
      Object.assign(chat, {
        strings: { open: 'Öffnen', send: 'Senden', retry: 'Noch einmal' },
        suggestions: ['Wann offen?', 'Was kostet es?'],
        system: 'Sei kurz.',
        context: 'Wir backen.',
      });
      chat.setAttribute('theme', 'dark');
    });
    const launcher = await part(page, '.launcher');
    assert.deepEqual(
      await launcher.evaluate((node) => [node.getAttribute('aria-label'), getComputedStyle(node).backgroundColor]),
      ['Öffnen: Bäckerei', 'rgb(0, 90, 60)'],
    );
    await launcher.click();
    await part(page, '.suggestion');
    const slots = await within(page, (root) =>
      Object.fromEntries(
        [...root.querySelectorAll('slot')].map((slot) => [
          slot.name,
          slot
            .assignedNodes()
            .map((node) => node.textContent)
            .join(),
        ]),
      ),
    );
    assert.deepEqual(slots, { launcher: '?', title: 'Fragen', greeting: 'Guten Tag!', footer: 'Ohne Gewähr' });
    assert.deepEqual(
      await within(page, (root) => [...root.querySelectorAll('.suggestion')].map((node) => node.textContent)),
      ['Wann offen?', 'Was kostet es?'],
    );
    await page.click(inChat('.suggestion'));
    await answered(page);
    assert.match(await bodyText(page), /You said: Wann offen\?/);
    const [told] = await page.evaluate(() => /** @type {any} */ (globalThis).asked);
    assert.deepEqual(
      told.map(({ content }) => content),
      ['Sei kurz.\n\nWir backen.', 'Wann offen?'],
    );
    const [scheme, outline, names, missing] = await within(page, (root) => {
      const parts = [
        'launcher',
        'panel',
        'header',
        'title',
        'log',
        'message',
        'question',
        'answer',
        'composer',
        'input',
        'send',
        'stop',
        'suggestion',
        'loading',
        'notice',
      ];
      const look = getComputedStyle(root.querySelector('.answer'));
      const names = [...root.querySelectorAll('.send, [part~=small]')].map((node) => node.getAttribute('aria-label'));
      return [
        getComputedStyle(root.host).colorScheme,
        `${look.outlineWidth} ${look.outlineColor}`,
        names,
        parts.filter((name) => !root.querySelector(`[part~=${name}]`)),
      ];
    });
    // Texts that the site does not set are English.
    assert.deepEqual([scheme, outline, missing], ['dark', '7px rgb(1, 2, 3)', []]);
    assert.deepEqual(names.toSorted(), ['Copy', 'Noch einmal', 'Senden']);
  });

  test('a changed model is used when the chat is opened next', async (t) => {
    const page = await fixture.browser.newPage();
    t.after(() => page.close());
    await page.evaluateOnNewDocument(fakeWorker);
    await page.goto(`${fixture.server.origin}/choice.html`);
    await page.bringToFront();
    for (const name of ['parrot', 'finch']) {
      await page.$eval('linnet-chat', (chat, name) => chat.setAttribute('model', `/${name}.gguf`), name);
      await page.click(inChat('.launcher'));
      const question = await (await part(page, '[data-state=consent]')).evaluate((node) => node.textContent ?? '');
      assert.match(question, new RegExp(`^${name} `));
      await page.click(inChat('.accept'));
      await part(page, '.by[data-by=device]');
      await page.click(inChat('.close'));
    }
    const loads = await page.evaluate(() =>
      /** @type {any} */ (globalThis).told.filter(({ type }) => type === 'load').map(({ model }) => model[0].urls[0]),
    );
    assert.deepEqual(
      loads,
      ['parrot', 'finch'].map((name) => `${fixture.server.origin}/${name}.gguf`),
    );
    const events = await page.evaluate(() =>
      /** @type {any} */ (globalThis).events.map(({ name, model, by }) => model ?? by ?? name),
    );
    assert.deepEqual(
      events,
      ['/parrot.gguf', '/finch.gguf'].flatMap((model) => ['open', model, 'device', 'close']),
    );
  });

  test('it works in a frame', async (t) => {
    const page = await fixture.visit(t, '/frame.html');
    const frame = await (await page.waitForSelector('iframe'))?.contentFrame();
    assert.ok(frame);
    await (await part(frame, '.launcher')).click();
    await part(frame, '.input');
    await frame.type(inChat('.input'), 'Hello');
    await page.keyboard.press('Enter');
    await frame.waitForFunction(() =>
      /You said: Hello/.test(
        document.querySelector('linnet-chat')?.shadowRoot?.querySelector('.body')?.textContent ?? '',
      ),
    );
  });

  /**
   * Opens the chat of a document and agrees to the download. Returns who answered, or the error.
   */
  async function outcome(frame) {
    await (await part(frame, '.launcher')).click();
    await (await part(frame, '.accept')).click();
    await part(frame, '.by[data-by=device], .notice .again');
    const code = await within(frame, (root) => root.querySelector('.notice').dataset.code);
    if (code) return { code, text: await within(frame, (root) => root.querySelector('.notice p').textContent) };
    await (await part(frame, '.input')).type('Hello');
    await (await part(frame, '.send')).click();
    await answered(frame);
    return { letters: (await bodyText(frame)).length };
  }
  const chat = html(
    '<linnet-chat real model="/tiny.gguf" backend="cpu" max-tokens="12" temperature="0"></linnet-chat>',
  );

  for (const [sandbox, works] of /** @type {const} */ ([
    ['allow-scripts', false],
    ['allow-scripts allow-same-origin', true],
  ])) {
    test(`in a frame with sandbox="${sandbox}" it ${works ? 'answers' : 'says why it cannot'}`, async (t) => {
      // A document with an opaque origin may read scripts only with CORS.
      const site = await startServer({
        csp: STRICT_CSP,
        cors: 'files',
        files: {
          '/fake.mjs': Buffer.alloc(0),
          '/tiny.gguf': talkingTiny(),
          '/chat.html': chat,
          '/outer.html': html(
            `<iframe sandbox="${sandbox}" src="/chat.html" width="360" height="640" title="Chat"></iframe>`,
          ),
        },
      });
      t.after(() => site.close());
      const page = await openPage(fixture.browser, `${site.origin}/outer.html`);
      t.after(() => page.close());
      await page.bringToFront();
      // A sandboxed frame may have its own process.
      const frame = await page.waitForFrame((frame) => frame.url().endsWith('/chat.html'));
      await new Promise((resolve) => setTimeout(resolve, 500));
      assert.equal(await frame.evaluate(() => origin), works ? site.origin : 'null');
      const found = await outcome(frame);
      if (works) assert.ok(found.letters, JSON.stringify(found));
      else assert.deepEqual([found.code, found.text], ['blocked', 'This page does not allow a model to run.']);
      // Nothing is downloaded for a model that cannot run.
      assert.equal(site.count('.gguf') > 0, works);
    });
  }

  for (const [csp, needs] of /** @type {const} */ ([
    ["script-src 'self' 'wasm-unsafe-eval'", ''],
    ["script-src 'self'", 'wasm-unsafe-eval'],
    ["script-src 'self' 'wasm-unsafe-eval'; worker-src 'none'", 'worker-src'],
    ["script-src 'self' 'wasm-unsafe-eval'; require-trusted-types-for 'script'", 'trusted-types'],
  ])) {
    test(`under ${csp} it ${needs ? `says that it needs ${needs}` : 'answers'}`, async (t) => {
      const site = await startServer({
        csp,
        files: { '/fake.mjs': Buffer.alloc(0), '/tiny.gguf': talkingTiny(), '/chat.html': chat },
      });
      t.after(() => site.close());
      const page = await openPage(fixture.browser, `${site.origin}/chat.html`);
      t.after(() => page.close());
      await page.bringToFront();
      const found = await outcome(page);
      if (!needs) assert.ok(found.letters, JSON.stringify(found));
      else assert.equal(found.code, 'blocked');
      assert.equal(site.count('.gguf') > 0, !needs);
      if (!needs) return;
      // The package reports what is missing when a model is loaded or stored.
      const named = await page.evaluate(async () => {
        const { Linnet, models } = await import(/** @type {any} */ ('/linnet/index.js'));
        const why = (/** @type {Promise<unknown>} */ promise) =>
          promise.then(
            () => 'done',
            ({ code, details }) => `${code} ${details.needs}`,
          );
        return [await why(Linnet.load('/tiny.gguf')), await why(models.download('/tiny.gguf'))];
      });
      assert.deepEqual(named, [`blocked ${needs}`, `blocked ${needs}`]);
    });
  }

  test('a missing worker is not reported as a missing model', async (t) => {
    const site = await startServer({ csp: STRICT_CSP, files: { '/fake.mjs': Buffer.alloc(0), '/chat.html': chat } });
    t.after(() => site.close());
    site.faults.set('/linnet/worker.js', { status: 404 });
    const page = await openPage(fixture.browser, `${site.origin}/chat.html`);
    t.after(() => page.close());
    await page.bringToFront();
    assert.deepEqual(await outcome(page), { code: 'not-found', text: 'Something went wrong. Try again.' });
  });

  test('without a model and a server, the question goes back into the box', async (t) => {
    const site = await startServer({
      csp: STRICT_CSP,
      files: {
        '/fake.mjs': Buffer.from(FAKE),
        '/alone.html': html('<linnet-chat real model="/nothing.gguf" backend="cpu"></linnet-chat>'),
      },
    });
    t.after(() => site.close());
    const alone = await openPage(fixture.browser, `${site.origin}/alone.html`);
    t.after(() => alone.close());
    await alone.bringToFront();
    await alone.click(inChat('.launcher'));
    await (await part(alone, '.accept')).click();
    await part(alone, '.notice[data-code="not-found"] .again');
    await (await part(alone, '.input')).type('Hello?');
    await alone.keyboard.press('Enter');
    await alone.waitForFunction(() => {
      const root = document.querySelector('linnet-chat')?.shadowRoot;
      return (
        root?.querySelector('textarea')?.value === 'Hello?' &&
        !root.querySelector('.message') &&
        root.querySelector('.notice')?.checkVisibility()
      );
    });
  });
});
