// <linnet-chat>: questions and notices before an answer, keys, and scrolling to the end.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { violations } from '../../support/axe.mjs';
import { answered, ask, html, inChat, part, ChatFixture, within } from '../../support/chat-fixture.mjs';

describe('the chat element: questions, notices and keys', { timeout: 600_000 }, () => {
  /** @type {ChatFixture} */
  let fixture;
  before(async () => {
    fixture = await ChatFixture.open({
      '/download.html': html('<linnet-chat real model="/nothing.gguf" backend="cpu"></linnet-chat>'),
      '/wrong.html': html(
        '<linnet-chat real model="smolm2" temperature="hot" max-tokens="1.5" contextlength="5" strings="x" ' +
          'suggestions="One?"></linnet-chat>',
      ),
      '/backend.html': html('<linnet-chat real model="/nothing.gguf" backend="tpu"></linnet-chat>'),
      '/places.html': html(
        '<linnet-chat real model="smollm2-135m-instruct" model-base="http://" temperature="200" ' +
          'context-length="100000000" endpoint="http://u:p@x/"></linnet-chat>',
      ),
      '/address.html': html('<linnet-chat real model="http://" context-length="1"></linnet-chat>'),
      '/nobody.html': html('<linnet-chat real model="none"></linnet-chat>'),
      '/bars.html': html('<linnet-chat mode="inline" suggestions="Small \\| large?|What is new?"></linnet-chat>'),
    });
  });
  after(() => fixture?.close());
  const focused = (page) => within(page, (root) => root.activeElement?.className ?? '');
  /** The visible buttons of the composer. */
  const buttons = (page) =>
    within(page, (root) =>
      [...root.querySelectorAll('.composer button')]
        .filter((node) => node.checkVisibility())
        .map((node) => node.className),
    );

  test('before the download the consent button has the focus, and no answer is announced', async (t) => {
    const page = await fixture.visit(t, '/download.html');
    await page.evaluate(() => {
      const said = /** @type {Set<string>} */ (new Set());
      Object.assign(window, { said });
      const look = () => {
        const root = document.querySelector('linnet-chat')?.shadowRoot;
        for (const selector of ['.meta', '[aria-live=polite]'])
          said.add(root?.querySelector(selector)?.textContent ?? '');
        if (root?.querySelector('.writing')) said.add('writing');
        requestAnimationFrame(look);
      };
      look();
    });
    await page.focus(inChat('.launcher'));
    await page.keyboard.press('Enter');
    await part(page, '.loading:focus');
    await page.keyboard.press('Tab');
    assert.equal(await focused(page), 'accept');
    await page.keyboard.press('Tab');
    assert.equal(await focused(page), 'input');
    await page.keyboard.type('Hello?');
    await page.keyboard.press('Enter');
    await part(page, '.loading:focus');
    assert.deepEqual(await buttons(page), ['round send']);
    // A second question waits for the same download, and is not lost.
    await (await part(page, '.input')).type('And then?');
    await page.keyboard.press('Enter');
    await part(page, '.loading:focus');
    assert.equal(await within(page, (root) => root.querySelector('textarea').value), 'And then?');
    assert.equal(await within(page, (root) => root.querySelectorAll('.question').length), 1);
    const said = await page.evaluate(() => [.../** @type {any} */ (globalThis).said].filter(Boolean));
    assert.deepEqual(said, ['This is answered after the model is downloaded.']);
    assert.deepEqual(await violations(page), []);
    // The model is missing: consent is no longer asked for, and the failure is shown.
    await page.click(inChat('.accept'));
    await part(page, '.notice .again');
    assert.equal(await within(page, (root) => root.querySelectorAll('.question').length), 0);
  });

  test('Enter during an answer says why nothing happens', async (t) => {
    const page = await fixture.visit(t, '/inline.html');
    await page.click(inChat('.launcher'));
    await page.evaluate(() =>
      Object.assign(window, { pause: 20, pieces: () => Array.from({ length: 200 }, () => 'on ') }),
    );
    await (await part(page, '.input')).type('Go');
    await page.keyboard.press('Enter');
    await part(page, '.writing');
    await (await part(page, '.input')).type('More');
    await page.keyboard.press('Enter');
    await part(page, '.dock .hint');
    assert.equal(
      await within(page, (root) => root.querySelector('.dock .hint').textContent),
      'An answer is being written. Wait for it, or stop it.',
    );
    await page.click(inChat('.stop'));
    await answered(page);
    assert.deepEqual(
      await within(page, (root) => [
        root.querySelector('.dock .hint').checkVisibility(),
        root.querySelector('textarea').value,
      ]),
      [false, 'More'],
    );
  });

  test('Enter and Escape that belong to an input method do nothing, also in Safari', async (t) => {
    const page = await fixture.visit(t, '/inline.html');
    await page.$eval('linnet-chat', (chat) => chat.setAttribute('mode', 'button'));
    await page.click(inChat('.launcher'));
    await (await part(page, '.input')).type('こんにちは');
    const press = (key, init) =>
      within(
        page,
        (root, key, init) => {
          const event = new KeyboardEvent('keydown', { key, bubbles: true, composed: true, cancelable: true, ...init });
          root.querySelector('textarea').dispatchEvent(event);
          return event.defaultPrevented;
        },
        key,
        init,
      );
    for (const init of [{ isComposing: true }, { isComposing: false, keyCode: 229 }]) {
      for (const key of ['Enter', 'Escape']) assert.equal(await press(key, init), false, key);
    }
    const state = () =>
      within(page, (root) => [root.host.hasAttribute('open'), root.querySelectorAll('.question').length]);
    assert.deepEqual(await state(), [true, 0]);
    await press('Enter', { keyCode: 13 });
    assert.deepEqual(await state(), [true, 1]);
  });

  test('the end stays in sight when the chat is resized, during an answer and after it', async (t) => {
    const page = await fixture.visit(t, '/inline.html', { width: 1000, height: 800 });
    await page.click(inChat('.launcher'));
    await part(page, '.input');
    await page.evaluate(() => {
      const text = 'Some words of an answer, which is about as long as a line or two of a chat on a phone.\n\n'.repeat(
        60,
      );
      Object.assign(window, { pause: 5, pieces: () => text.match(/[^]{1,40}/g) });
    });
    const distance = () =>
      within(page, (root) => {
        const log = root.querySelector('.log');
        return Math.round(log.scrollHeight - log.scrollTop - log.clientHeight);
      });
    // Waits some frames until the new layout is stable. Reading the layout in between would make the browser scroll
    // at once.
    const settle = () =>
      page.evaluate(async () => {
        const log = document.querySelector('linnet-chat')?.shadowRoot?.querySelector('.log');
        for (let i = 0; i < 20; i++)
          await new Promise((resolve) => requestAnimationFrame(() => resolve(log?.scrollHeight)));
      });
    const sizes = [
      [360, 700],
      [1000, 800],
      [700, 360],
      [360, 330],
      [360, 700],
      [500, 800],
      [1000, 800],
    ];
    const resized = async (when) => {
      for (const [width = 0, height = 0] of sizes) {
        await page.setViewport({ width, height });
        await settle();
        assert.ok((await distance()) <= 2, `${when}, ${width} x ${height}: ${await distance()} pixels from the end`);
      }
    };
    await page.evaluate(() =>
      addEventListener(
        'resize',
        () => document.querySelector('linnet-chat')?.shadowRoot?.querySelector('.log')?.scrollHeight,
      ),
    );
    await (await part(page, '.input')).type('Go');
    await page.keyboard.press('Enter');
    await page.waitForFunction(
      () => (document.querySelector('linnet-chat')?.shadowRoot?.querySelectorAll('.body p').length ?? 0) > 20,
    );
    await resized('while it is written');
    await answered(page);
    await resized('after it');
    // A person who has scrolled away stays there.
    await within(page, (root) => (root.querySelector('.log').scrollTop -= 700));
    await settle();
    const before = await distance();
    assert.ok(before > 300, String(before));
    await page.setViewport({ width: 1000, height: 700 });
    await settle();
    assert.ok((await distance()) > 300, 'it has scrolled to the end by itself');
  });

  test('the console names a site’s mistakes once, and the visitor sees that the chat is not available', async (t) => {
    const unavailable = 'This chat is not available at the moment.';
    for (const [path, ...expected] of /** @type {[string, ...RegExp[]][]} */ ([
      [
        '/wrong.html',
        /unknown attribute contextlength: use context-length/,
        /unknown attribute strings: set the property strings/,
        /temperature="hot" is not valid: use a number from 0/,
        /max-tokens="1.5" is not valid: use a whole number from 1/,
        /model="smolm2" is not valid: .*smollm2-135m-instruct.*The chat is not available/,
      ],
      ['/backend.html', /backend="tpu" is not valid: use auto, cpu or webgpu\. The chat is not available/],
      [
        '/places.html',
        /model-base="http:\/\/" is not valid: use the address of a folder\. The chat is not available/,
        /temperature="200" is not valid: use a number from 0 to 100\.$/,
        /context-length="100000000" is not valid: use a whole number from 64 to 8192\.$/,
        /endpoint="http:\/\/u:p@x\/" is not valid: remove the user name and the password/,
      ],
      [
        '/address.html',
        /model="http:\/\/" is not valid: .*The chat is not available/,
        /context-length="1" is not valid/,
      ],
      ['/nobody.html', /model="none" requires an endpoint/],
    ])) {
      const page = await fixture.visit(t, path);
      const told = /** @type {string[]} */ ([]);
      page.on('console', (message) => void (message.text().startsWith('<linnet-chat>') && told.push(message.text())));
      for (let times = 0; times < 2; times++) {
        await page.click(inChat('.launcher'));
        await part(page, '.notice');
        assert.deepEqual(
          await within(page, (root) => [
            root.querySelector('.notice').textContent,
            root.querySelector('textarea').disabled,
          ]),
          [unavailable, true],
        );
        assert.equal(await within(page, (root) => root.querySelector('.suggestions').checkVisibility()), false);
        assert.deepEqual(await violations(page), []);
        await page.$eval('linnet-chat', (chat) => /** @type {any} */ (chat).ask('Hello?'));
        await page.click(inChat('.close'));
      }
      assert.equal(told.length, expected.length, told.join('\n'));
      for (const pattern of expected)
        assert.ok(
          told.some((text) => pattern.test(text)),
          `${pattern} in ${told.join('\n')}`,
        );
    }
  });

  test('properties of a wrong type are named and ignored', async (t) => {
    const page = await fixture.visit(t, '/inline.html');
    const told = /** @type {string[]} */ ([]);
    page.on('console', (message) => void (message.text().startsWith('<linnet-chat>') && told.push(message.text())));
    await page.$eval('linnet-chat', (chat) =>
      Object.assign(chat, {
        suggestions: ['One?', 5],
        context: { a: 1 },
        strings: { sent: 'x', send: 5, errors: [] },
        endpointHeaders: { 'a b': 'c' },
      }),
    );
    await page.click(inChat('.launcher'));
    await ask(page, 'Hello');
    assert.equal(await within(page, (root) => root.querySelector('.send').getAttribute('aria-label')), 'Send');
    assert.ok(
      told.some((text) =>
        text.includes('unknown property strings.sent: the type ChatStrings lists those that there are.'),
      ),
      told.join('\n'),
    );
    for (const name of ['suggestions', 'context', 'strings.send', 'endpointHeaders']) {
      assert.ok(
        told.some((text) => text.includes(`the property ${name} is not valid`)),
        `${name} in ${told.join('\n')}`,
      );
    }
    assert.equal(told.length, 5);
    const other = await fixture.visit(t, '/inline.html');
    await other.$eval('linnet-chat', (chat) => Object.assign(chat, { engine: Promise.resolve({}) }));
    await other.click(inChat('.launcher'));
    await part(other, '.notice[data-code=invalid-request]');
  });

  test('an inline chat is printed completely', async (t) => {
    const page = await fixture.visit(t, '/inline.html');
    await page.click(inChat('.launcher'));
    await page.evaluate(() => Object.assign(window, { pieces: () => Array(40).fill('A line.\n\n') }));
    for (let turn = 1; turn <= 4; turn++) await ask(page, `Question ${turn}`);
    await page.emulateMediaType('print');
    const [clipped, shown] = await within(page, (root) => {
      const { top, bottom } = root.querySelector('.panel').getBoundingClientRect();
      const turns = [...root.querySelectorAll('.message')].map((node) => node.getBoundingClientRect());
      const pressed = ['.dock', '.icon', '.actions'].filter((selector) =>
        root.querySelector(selector).checkVisibility(),
      );
      return [turns.filter((turn) => turn.height < 20 || turn.top < top || turn.bottom > bottom).length, pressed];
    });
    assert.deepEqual([clipped, shown], [0, []]);
    const pages =
      Buffer.from(await page.pdf({ format: 'a4' }))
        .toString('latin1')
        .match(/\/Type\s*\/Page\b/g)?.length ?? 0;
    assert.ok(pages >= 4, `${pages} pages`);
  });

  test('a suggestion may contain a bar', async (t) => {
    const page = await fixture.visit(t, '/bars.html');
    await page.click(inChat('.launcher'));
    await part(page, '.suggestion');
    assert.deepEqual(
      await within(page, (root) => [...root.querySelectorAll('.suggestion')].map((node) => node.textContent)),
      ['Small | large?', 'What is new?'],
    );
  });

  test('a cut in the site’s context does not split an emoji', async (t) => {
    for (const before of ['', 'a']) {
      const page = await fixture.visit(t, '/inline.html');
      await page.evaluate(() => Object.assign(window, { contextLength: 200 }));
      await page.click(inChat('.launcher'));
      await page.$eval(
        'linnet-chat',
        (chat, before) => Object.assign(chat, { context: before + '😀'.repeat(600) }),
        before,
      );
      await ask(page, 'Hello');
      const told = await page.evaluate(() => /** @type {any} */ (globalThis).asked.at(-1)[0].content);
      assert.match(told, new RegExp(`^${before}(😀)+$`, 'u'));
    }
  });

  test('the launcher has an outline in forced colours', async (t) => {
    const page = await fixture.visit(t, '/download.html');
    const client = await page.createCDPSession();
    await client.send('Emulation.setEmulatedMedia', { features: [{ name: 'forced-colors', value: 'active' }] });
    await part(page, '.launcher');
    assert.equal(
      await within(page, (root) => getComputedStyle(root.querySelector('.launcher')).borderTopStyle),
      'solid',
    );
  });
});
