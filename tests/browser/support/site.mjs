// The demo site with a fake model, used like a person does.
import { fakeWorker } from './fake-worker.mjs';
import { ask, engineState, startServer, STRICT_CSP } from './harness.mjs';

/** A server of the site on its own origin, with an empty storage. */
export async function startSite(t, options = {}) {
  const server = await startServer({ csp: STRICT_CSP, ...options });
  t.after(() => server.close());
  return server;
}

/**
 * A page of the site, after its engine has loaded.
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
  await page.goto(server.origin + path);
  await engineState(page, state);
  return page;
}

/** Asks and waits for the end of the answer. */
export async function converse(page, question) {
  await ask(page, question);
  await page.waitForFunction(() => document.querySelector('.assistant') && !document.querySelector('.writing'));
}

/** Makes these texts, or fields of `token` events, the next answers. */
export const say = (page, ...pieces) =>
  page.evaluate((pieces) => Object.assign(globalThis, { pieces: () => pieces }), pieces);

/** Opens the menu. Its list is complete when it is shown. */
export async function openMenu(page) {
  await page.click('#menu-button');
  await page.waitForSelector('#menu[open]');
}

/** The last request to the model. */
export const lastRequest = (page) => page.evaluate(() => /** @type {any} */ (globalThis).asked.at(-1));

/** The texts of all answers, after all of them have been shown completely. */
export async function shownAnswers(page) {
  await page.waitForFunction(() => !document.querySelector('.assistant.writing'));
  return page.$$eval('.assistant .text', (nodes) => nodes.map((node) => node.textContent));
}
