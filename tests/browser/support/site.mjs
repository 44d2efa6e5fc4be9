// The demo site with a made-up model, as a person uses it.
import { fakeWorker } from './fake-worker.mjs';
import { ask, engineState, startServer, STRICT_CSP } from './harness.mjs';

/** A server of the site, on an origin of its own: nothing is kept there yet. */
export async function startSite(t, options = {}) {
  const server = await startServer({ csp: STRICT_CSP, ...options });
  t.after(() => server.close());
  return server;
}

/**
 * A page of the site, once its engine is there.
 *
 * @param {import('puppeteer-core').Browser} browser
 * @param {{ path?: string, viewport?: import('puppeteer-core').Viewport, scripts?: (string | (() => void))[], state?:
 *   string }} [options] `scripts` run before those of the page
 */
export async function visitSite(t, browser, server, options = {}) {
  const { path = '/some/where/', viewport = { width: 1000, height: 800 }, scripts = [], state = 'ready' } = options;
  const page = await browser.newPage();
  t.after(() => page.isClosed() || page.close());
  page.on('pageerror', (error) => console.error('error in the page:', String(error)));
  await page.evaluateOnNewDocument(fakeWorker);
  for (const script of scripts) await page.evaluateOnNewDocument(/** @type {string} */ (script));
  await page.setViewport(viewport);
  await page.emulateMediaFeatures([{ name: 'prefers-reduced-motion', value: 'reduce' }]);
  await page.goto(server.origin + path);
  await engineState(page, state);
  return page;
}

/** Asks, and waits for the end of the answer. */
export async function converse(page, question) {
  await ask(page, question);
  await page.waitForFunction(() => document.querySelector('.assistant') && !document.querySelector('.writing'));
}

/** Has the next answers be these pieces. */
export const say = (page, ...pieces) =>
  page.evaluate((pieces) => Object.assign(globalThis, { pieces: () => pieces }), pieces);

/** Opens the drawer; its list is read before it is shown. */
export async function openMenu(page) {
  await page.click('#menu-button');
  await page.waitForSelector('#menu[open]');
}

/** What was asked of the model last. */
export const lastRequest = (page) => page.evaluate(() => /** @type {any} */ (globalThis).asked.at(-1));

/** What the answers say, once all of them are shown to their end. */
export async function shownAnswers(page) {
  await page.waitForFunction(() => !document.querySelector('.assistant.writing'));
  return page.$$eval('.assistant .text', (nodes) => nodes.map((node) => node.textContent));
}
