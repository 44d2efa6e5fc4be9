// Starts the browsers that the tests drive.
import { existsSync } from 'node:fs';
import puppeteer from 'puppeteer-core';

/** Most time for one step of a test. Puppeteer's 30 seconds are too few for a slow machine. */
const STEP_LIMIT = 120_000;

/** The same browser, whose pages wait that long.
 * @param {import('puppeteer-core').Browser} browser */
function patient(browser) {
  const open = browser.newPage.bind(browser);
  browser.newPage = async (...options) => {
    const page = await open(...options);
    page.setDefaultTimeout(STEP_LIMIT);
    return page;
  };
  return browser;
}

/** LINNET_CHROMIUM, or its path on common systems. */
const CHROMIUM = [
  process.env.LINNET_CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
].find((path) => path && existsSync(path));

/** SwiftShader as the WebGPU adapter: a GPU in software, for machines without a graphics card. */
const SWIFTSHADER = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-unsafe-swiftshader',
  '--disable-domain-blocking-for-3d-apis',
  '--disable-gpu-process-crash-limit',
];

/** Without animations, a test never sees a transition that is not finished. */
const STILL = '--force-prefers-reduced-motion';

/**
 * @param {object} [options]
 * @param {boolean} [options.webgpu] with the software GPU, or with none
 * @param {string} [options.userDataDir] a profile that outlives the browser
 * @param {string[]} [options.args] more switches
 */
export async function chromium({ webgpu = true, userDataDir, args = [] } = {}) {
  // Without a browser nothing is tested, which must not look like success.
  if (!CHROMIUM) throw new Error('There is no Chromium here: install it, or set LINNET_CHROMIUM to its path.');
  const browser = await puppeteer.launch({
    browser: 'chrome',
    executablePath: CHROMIUM,
    headless: true,
    protocolTimeout: 600_000,
    ...(userDataDir ? { userDataDir } : {}),
    args: ['--no-sandbox', '--disable-dev-shm-usage', STILL, ...(webgpu ? SWIFTSHADER : []), ...args],
  });
  return patient(browser);
}

/** LINNET_FIREFOX, or its path on common systems. */
const FIREFOX = [
  process.env.LINNET_FIREFOX,
  '/usr/bin/firefox-esr',
  '/usr/bin/firefox',
  '/Applications/Firefox.app/Contents/MacOS/firefox',
].find((path) => path && existsSync(path));

/** @param {object} [options]
 * @param {boolean} [options.webgpu] with Mesa's lavapipe as the GPU, which has f16 and no subgroups, or with none */
export async function firefox({ webgpu = false } = {}) {
  if (!FIREFOX) throw new Error('There is no Firefox here: install it, or set LINNET_FIREFOX to its path.');
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: FIREFOX,
    headless: true,
    protocolTimeout: 600_000,
    extraPrefsFirefox: {
      'dom.webgpu.enabled': webgpu,
      'gfx.webgpu.ignore-blocklist': webgpu,
      // Firefox ignores clicks on a page that has just loaded.
      'dom.input_events.security.minNumTicks': 0,
      'dom.input_events.security.minTimeElapsedInMS': 0,
      // Nobody can answer the question whether storage may persist.
      'dom.storageManager.prompt.testing': true,
      'dom.storageManager.prompt.testing.allow': true,
    },
  });
  return patient(browser);
}
