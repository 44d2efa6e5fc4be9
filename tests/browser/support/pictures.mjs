// Takes screenshots, scales them down, and compares them with the references.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pixelmatch from 'pixelmatch';
import { PNG } from 'pngjs';

const root = join(import.meta.dirname, '..', '..', '..');
/**
 * The folder of the references. They have a third of the size: the files are small, and antialiasing makes no
 * difference.
 */
const REFERENCES = join(import.meta.dirname, '..', 'screenshots');
/** The folder of this run's screenshots, in full size, for people to look at. */
export const PICTURES = join(root, 'target', 'screenshots');
const SCALE = 3;
/** The share of the pixels that may differ. */
const TOLERANCE = 0.003;

/** Why screenshots cannot be compared: their only font is missing. `false` if it is there. */
export const noFont = existsSync('/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf')
  ? false
  : 'skipped: there is no DejaVu Sans (fonts-dejavu-core)';

/**
 * Takes a screenshot and compares it. With LINNET_UPDATE_SCREENSHOTS=1 it becomes the reference.
 *
 * @param {import('puppeteer-core').Page} page
 * @param {string} name
 * @returns {Promise<string | undefined>} what is wrong
 */
export async function compare(page, name) {
  const picture = await page.screenshot({ type: 'png' });
  mkdirSync(PICTURES, { recursive: true });
  writeFileSync(join(PICTURES, `${name}.png`), picture);
  const now = scaled(PNG.sync.read(Buffer.from(picture)));
  const path = join(REFERENCES, `${name}.png`);
  if (process.env.LINNET_UPDATE_SCREENSHOTS) {
    mkdirSync(REFERENCES, { recursive: true });
    // A reference that looks the same is not replaced, since the repository stores every version.
    if (!existsSync(path) || differing(now, PNG.sync.read(readFileSync(path))) > TOLERANCE / 10)
      writeFileSync(path, PNG.sync.write(now, { colorType: 2, deflateLevel: 9 }));
    return undefined;
  }
  if (!existsSync(path)) return `${name} has no reference: run with LINNET_UPDATE_SCREENSHOTS=1, and look at it`;
  const differs = differing(now, PNG.sync.read(readFileSync(path)), name);
  return differs > TOLERANCE ? `${name} differs in ${(100 * differs).toFixed(1)} % of its pixels` : undefined;
}

/** The share of the pixels that differ. With a name, a picture of the differences is written beside the screenshots. */
function differing(one, other, name = '') {
  if (one.width !== other.width || one.height !== other.height) return 1;
  const { width, height } = one;
  const difference = new PNG({ width, height });
  const count = pixelmatch(one.data, other.data, difference.data, width, height, { threshold: 0.1 });
  if (name && count > TOLERANCE * width * height)
    writeFileSync(join(PICTURES, `${name}.difference.png`), PNG.sync.write(difference));
  return count / (width * height);
}

/** Scales a picture down: each pixel is the mean of a square. */
function scaled({ width, height, data }) {
  const small = new PNG({ width: Math.floor(width / SCALE), height: Math.floor(height / SCALE) });
  for (let y = 0; y < small.height; y++) {
    for (let x = 0; x < small.width; x++) {
      for (let channel = 0; channel < 4; channel++) {
        let sum = 0;
        for (let dy = 0; dy < SCALE; dy++)
          for (let dx = 0; dx < SCALE; dx++) sum += data[4 * ((y * SCALE + dy) * width + x * SCALE + dx) + channel];
        small.data[4 * (y * small.width + x) + channel] = Math.round(sum / SCALE ** 2);
      }
    }
  }
  return small;
}
