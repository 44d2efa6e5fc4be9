// WebKitGTK, driven by WebDriver over HTTP: a page with those methods of Puppeteer that the suites use.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';

const DRIVER = process.env.LINNET_WEBKIT_DRIVER ?? '/usr/bin/WebKitWebDriver';
/**
 * Why WebKit cannot be tested, for `node:test`'s `skip`: WebKitGTK runs on Linux, if it is installed.
 */
export const noWebKit = process.platform === 'linux' ? false : 'skipped: WebKitGTK runs on Linux only';

/** The key of an element's reference in WebDriver's JSON. */
const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf';
/** The key Enter. */
const ENTER = '\uE007';

/**
 * Starts WebKitGTK's MiniBrowser, with a virtual display if there is none.
 *
 * @param {object} [options]
 * @param {boolean} [options.sharedMemory] whether wasm threads can share a memory, which this browser must be told
 */
export async function webkit({ sharedMemory = false } = {}) {
  if (!existsSync(DRIVER))
    throw new Error('There is no WebKitGTK here: install webkit2gtk-driver, or set LINNET_WEBKIT_DRIVER to its path.');
  const display = process.env.DISPLAY || process.env.WAYLAND_DISPLAY ? undefined : await startDisplay();
  const env = {
    ...process.env,
    ...(display ? { DISPLAY: display.name } : {}),
    ...(sharedMemory ? { JSC_useSharedArrayBuffer: '1' } : {}),
  };
  // The driver does not report a port that it chooses, so it is given one.
  const port = await freePort();
  const driver = spawn(DRIVER, ['-p', String(port)], { stdio: 'ignore', env });
  const close = () => {
    driver.kill();
    display?.close();
  };
  try {
    const wire = new Wire(`http://127.0.0.1:${port}`);
    await wire.ready();
    const options = { binary: browserPath(), args: ['--automation'] };
    const wanted = { browserName: 'MiniBrowser', 'webkitgtk:browserOptions': options };
    const { sessionId } = await wire.send('POST', '/session', { capabilities: { alwaysMatch: wanted } });
    const session = wire.below(`/session/${sessionId}`);
    await session.send('POST', '/timeouts', { script: 600_000, pageLoad: 60_000 });
    return new WebKitPage(session, close);
  } catch (error) {
    close();
    throw error;
  }
}

/** The only page of a session. */
class WebKitPage {
  #session;
  #close;

  /**
   * @param {Wire} session
   * @param {() => void} close
   */
  constructor(session, close) {
    this.#session = session;
    this.#close = close;
  }

  goto(url) {
    return this.#session.send('POST', '/url', { url });
  }

  reload() {
    return this.#session.send('POST', '/refresh', {});
  }

  /** Runs a function in the page. Its arguments and result are JSON; it may be async. */
  evaluate(run, ...args) {
    return this.#call(asFunction(run), args);
  }

  /** Waits until the function returns a truthy value. */
  async waitForFunction(run, { timeout = 30_000 } = {}, ...args) {
    const since = Date.now();
    for (;;) {
      if (await this.#call(`async (...args) => !!(await (${asFunction(run)})(...args))`, args)) return;
      if (Date.now() - since > timeout) throw new Error(`waited ${timeout} ms in vain for ${run}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async click(selector) {
    await this.#session.send('POST', `/element/${await this.#find(selector)}/click`, {});
  }

  /** Types a text; a newline is the key Enter. */
  async type(selector, text) {
    await this.#session.send('POST', `/element/${await this.#find(selector)}/value`, {
      text: text.replaceAll('\n', ENTER),
    });
  }

  async close() {
    await this.#session.send('DELETE', '').catch(() => {});
    this.#close();
  }

  async #call(source, args) {
    const script = `const done = arguments[1];
      const failed = (error) => done({ error: \`\${error}\\n\${error?.stack}\` });
      Promise.resolve().then(() => (${source})(...arguments[0])).then((value) => done({ value }), failed);`;
    const { value, error } = await this.#session.send('POST', '/execute/async', { script, args: [args] });
    if (error !== undefined) throw new Error(`in the page: ${error}`);
    return value;
  }

  /** The element of a selector; `host >>> inner` looks into the host's shadow tree. */
  async #find(selector) {
    const script =
      'return arguments[0].reduce((root, part, i) => (i ? root?.shadowRoot : root)?.querySelector(part), document)';
    const found = await this.#session.send('POST', '/execute/sync', { script, args: [selector.split(' >>> ')] });
    if (!found) throw new Error(`there is no ${selector}`);
    return found[ELEMENT];
  }
}

/** Requests to the driver. */
class Wire {
  #base;

  constructor(base) {
    this.#base = base;
  }

  below(path) {
    return new Wire(this.#base + path);
  }

  async send(method, path, body) {
    const response = await fetch(this.#base + path, { method, ...(body ? { body: JSON.stringify(body) } : {}) });
    const { value } = /** @type {{ value: any }} */ (await response.json());
    if (!response.ok) throw new Error(`${method} ${path}: ${value.error}: ${value.message}`);
    return value;
  }

  /** Waits until the driver listens. */
  async ready() {
    for (let tries = 1; ; tries++) {
      try {
        return await this.send('GET', '/status');
      } catch (error) {
        if (tries === 100) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }
}

/** A function or an expression, as in Puppeteer. */
const asFunction = (run) => (typeof run === 'function' ? String(run) : `() => (${run})`);

/** A virtual display with a free number. */
async function startDisplay() {
  const server = spawn('Xvfb', ['-displayfd', '1', '-screen', '0', '1280x1024x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const number = await new Promise((resolve, reject) => {
    server.once('error', () => reject(new Error('WebKitGTK needs a display, and there is no Xvfb: install xvfb.')));
    server.once('exit', (status) => reject(new Error(`Xvfb has ended with status ${status}`)));
    server.stdout.once('data', (data) => resolve(String(data).trim()));
  });
  return { name: `:${number}`, close: () => server.kill() };
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}

/** The path of the browser, in the folder of the machine's architecture, such as `x86_64-linux-gnu`. */
function browserPath() {
  const folders = readdirSync('/usr/lib').map((name) => `/usr/lib/${name}/webkit2gtk-4.1/MiniBrowser`);
  const found = folders.find((path) => existsSync(path));
  if (!found) throw new Error('WebKitGTK has no MiniBrowser here: install libwebkit2gtk-4.1-0.');
  return found;
}
