// Assertions and inputs of the checks of the Prompt API, for a page.

export const QUESTION = 'Tell me something about birds.';
export const OTHER = 'Tell me something about fish.';
export const SYSTEM = { role: 'system', content: 'The word of the day is heron.' };

export function ok(condition, what = 'this must hold') {
  if (!condition) throw new Error(what);
}

export function equal(found, wanted, what = '') {
  ok(Object.is(found, wanted), `${what} ${String(found)} is not ${String(wanted)}`);
}

/**
 * Checks that the promise is rejected with this value, an error of this class, or a DOMException of this name.
 */
export async function rejects(promise, wanted) {
  let error;
  try {
    await promise;
  } catch (reason) {
    error = reason;
  }
  ok(error !== undefined, `not rejected; expected ${String(wanted?.name ?? wanted)}`);
  failsAs(error, wanted);
}

export function throws(run, wanted) {
  let error;
  try {
    run();
  } catch (reason) {
    error = reason;
  }
  ok(error !== undefined, `nothing was thrown; expected ${String(wanted?.name ?? wanted)}`);
  failsAs(error, wanted);
}

function failsAs(error, wanted) {
  if (typeof wanted === 'function')
    return ok(error instanceof wanted && error.constructor === wanted, `${error} is not a ${wanted.name}`);
  if (typeof wanted !== 'string') return equal(error, wanted);
  ok(error instanceof DOMException && error.name === wanted, `${error.name}: ${error.message} is not a ${wanted}`);
}

export async function rejectsForQuota(promise, requested, quota) {
  const error = await promise.then(
    () => undefined,
    (reason) => reason,
  );
  const { QuotaExceededError: Wanted = DOMException } = /** @type {any} */ (globalThis);
  ok(error instanceof Wanted && error.name === 'QuotaExceededError', `${error} is not a QuotaExceededError`);
  equal(error.requested, requested, 'requested');
  equal(error.quota, quota, 'quota');
}

/** All combinations of one value for each name. Names whose value is undefined are left out. */
export function combinations(values) {
  return Object.entries(values).reduce(
    (made, [name, options]) =>
      made.flatMap((one) => options.map((value) => (value === undefined ? one : { ...one, [name]: value }))),
    [{}],
  );
}

/** A stream's whole text. */
export async function text(stream) {
  let whole = '';
  for await (const piece of stream) whole += piece;
  return whole;
}

/** Checks that a method rejects with the reason when its signal is aborted, or was aborted before the call. */
export async function heedsAborts(ask) {
  for (const reason of [undefined, new Error('mine')]) {
    const stop = new AbortController();
    const promise = ask(stop.signal);
    stop.abort(reason);
    await rejects(promise, reason ?? 'AbortError');
    await rejects(ask(stop.signal), reason ?? 'AbortError');
  }
}

/** Aborts `create()` at the progress event with this `loaded`, and checks that no event follows. */
export async function heedsAbortAt(loaded, api) {
  const mine = new Error('mine');
  const stop = new AbortController();
  let seen = 0;
  let reach;
  const reached = new Promise((resolve) => (reach = resolve));
  const monitor = (m) =>
    m.addEventListener('downloadprogress', (event) => {
      if (seen > 0) seen++;
      if (event.loaded === loaded && seen === 0) reach(++seen);
    });
  const promise = api.create({ monitor, signal: stop.signal });
  await reached;
  stop.abort(mine);
  await rejects(promise, mine);
  await new Promise((resolve) => setTimeout(resolve, 100));
  equal(seen, 1, 'number of events since the abort');
}

/** Checks the events that a monitor gets while a session is created. */
export async function progressOf(create) {
  const events = [];
  let created = false;
  const session = await create({
    monitor: (m) =>
      m.addEventListener('downloadprogress', (event) =>
        events.push({ loaded: event.loaded, total: event.total, known: event.lengthComputable, created }),
      ),
  });
  created = true;
  await new Promise((resolve) => setTimeout(resolve, 50));
  ok(events.length >= 2, 'there are at least two events');
  equal(events[0].loaded, 0);
  equal(events.at(-1).loaded, 1);
  events.forEach((event, i) => {
    ok(event.total === 1 && event.known && !event.created, JSON.stringify(event));
    equal(event.loaded % (1 / 65_536), 0, 'steps');
    ok(i === 0 || event.loaded > events[i - 1].loaded, 'loaded rises');
  });
  return session;
}
