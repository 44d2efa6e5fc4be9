// Measures the tasks of a page's main thread.

/** Milliseconds that `work` takes on the reference machine: 3.9, 4.0 and 4.4 were measured on two quiet cores. */
const WORK_MS = 4;

/**
 * The milliseconds that a fixed amount of work takes in the page: the shortest of 20 runs, so that other load hardly
 * matters.
 */
function work() {
  let shortest = Infinity;
  for (let run = 0; run < 20; run++) {
    const start = performance.now();
    const numbers = Array.from({ length: 20_000 }, (_, at) => (at * 7919) % 20_011);
    const text = JSON.stringify(numbers.sort((a, b) => a - b));
    JSON.parse(text).map(String).join('').split('1');
    shortest = Math.min(shortest, performance.now() - start);
  }
  return shortest;
}

/**
 * How many times slower than the reference machine this one is; less than 1 if it is faster.
 *
 * @param {import('puppeteer-core').Page} page
 */
export async function slowness(page) {
  return (await page.evaluate(work)) / WORK_MS;
}

/** Records the tasks of a page from now on. */
export class Tasks {
  #page;

  /** @param {import('puppeteer-core').Page} page */
  constructor(page) {
    this.#page = page;
  }

  /** @param {import('puppeteer-core').Page} page */
  static async watch(page) {
    await page.tracing.start({ categories: ['toplevel', 'blink.user_timing'] });
    await page.evaluate(() => {
      performance.mark('here');
      const long = [];
      new PerformanceObserver((list) => long.push(...list.getEntries().map(({ duration }) => duration))).observe({
        type: 'longtask',
      });
      Object.assign(globalThis, { long });
    });
    return new Tasks(page);
  }

  /**
   * The longest task in milliseconds, and a summary. The time is the processor's time for the task, including the
   * slow-down, because the elapsed time is longer on a busy machine.
   */
  async end() {
    const observed = await this.#page.evaluate(() => /** @type {any} */ (globalThis).long);
    const { traceEvents } = JSON.parse(new TextDecoder().decode(await this.#page.tracing.stop()));
    const { pid, tid } = traceEvents.find(({ name }) => name === 'here');
    const tasks = traceEvents.filter(
      (event) => event.pid === pid && event.tid === tid && event.ph === 'X' && /RunTask$/.test(event.name),
    );
    if (tasks.length < 100) throw new Error(`there were only ${tasks.length} tasks`);
    const times = tasks.map(({ tdur }) => tdur / 1000).sort((a, b) => b - a);
    const list = (/** @type {number[]} */ durations) => durations.map((ms) => ms.toFixed(1)).join(', ') || 'none';
    const text =
      `the longest of ${tasks.length} tasks worked ${list(times.slice(0, 5))} ms; ` +
      `observed as longer than 50 ms: ${list(observed)}`;
    return { longest: times[0], text };
  }
}
