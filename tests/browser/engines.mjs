// Starts the browsers that the tests drive.
import { existsSync } from 'node:fs';
import puppeteer from 'puppeteer-core';

/** LINNET_CHROMIUM, or where the usual systems have it. */
const CHROMIUM = [
  process.env.LINNET_CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
].find((path) => path && existsSync(path));

/** SwiftShader as the WebGPU adapter: a GPU played by the CPU, the only one on a machine without a graphics card. */
const SWIFTSHADER = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-unsafe-swiftshader',
  '--disable-domain-blocking-for-3d-apis',
  '--disable-gpu-process-crash-limit',
];

/**
 * @param {object} [options]
 * @param {boolean} [options.webgpu] with the software GPU, or with none
 * @param {string} [options.userDataDir] a profile that outlives the browser
 * @param {string[]} [options.args] more switches
 */
export async function chromium({ webgpu = true, userDataDir, args = [] } = {}) {
  // Without a browser nothing was tested, and that must not look like success.
  if (!CHROMIUM) throw new Error('There is no Chromium here: install it, or set LINNET_CHROMIUM to its path.');
  const browser = await puppeteer.launch({
    browser: 'chrome',
    executablePath: CHROMIUM,
    headless: true,
    protocolTimeout: 600_000,
    ...(userDataDir ? { userDataDir } : {}),
    args: ['--no-sandbox', '--disable-dev-shm-usage', ...(webgpu ? SWIFTSHADER : []), ...args],
  });
  return browser;
}
