// What the checks of the Prompt API are written with, for a page.

export function ok(condition, what = 'this must hold') {
  if (!condition) throw new Error(what);
}

export function equal(found, wanted, what = '') {
  ok(Object.is(found, wanted), `${what} ${String(found)} is not ${String(wanted)}`);
}

/**
 * Settles when the promise has been rejected as wanted: with that very value, an error of that class, or a DOMException
 * of that name.
 */
export async function rejects(promise, wanted) {
  let error;
  try {
    await promise;
  } catch (reason) {
    error = reason;
  }
  ok(error !== undefined, `nothing was rejected, where ${String(wanted?.name ?? wanted)} was wanted`);
  failsAs(error, wanted);
}

export function throws(run, wanted) {
  let error;
  try {
    run();
  } catch (reason) {
    error = reason;
  }
  ok(error !== undefined, `nothing was thrown, where ${String(wanted?.name ?? wanted)} was wanted`);
  failsAs(error, wanted);
}

function failsAs(error, wanted) {
  if (typeof wanted === 'function')
    return ok(error instanceof wanted && error.constructor === wanted, `${error} is no ${wanted.name}`);
  if (typeof wanted !== 'string') return equal(error, wanted);
  ok(error instanceof DOMException && error.name === wanted, `${error.name}: ${error.message} is no ${wanted}`);
}

export async function rejectsForQuota(promise, requested, quota) {
  const error = await promise.then(
    () => undefined,
    (reason) => reason,
  );
  const { QuotaExceededError: Wanted = DOMException } = /** @type {any} */ (globalThis);
  ok(error instanceof Wanted && error.name === 'QuotaExceededError', `${error} is no QuotaExceededError`);
  equal(error.requested, requested, 'requested');
  equal(error.quota, quota, 'quota');
}

/** All combinations of one value for each name; what is undefined is left out. */
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

/** A method that takes a signal: rejects when it is aborted, and at once when it has been, with the reason. */
export async function heedsAborts(ask) {
  for (const reason of [undefined, new Error('mine')]) {
    const stop = new AbortController();
    const promise = ask(stop.signal);
    stop.abort(reason);
    await rejects(promise, reason ?? 'AbortError');
    await rejects(ask(stop.signal), reason ?? 'AbortError');
  }
}

/** Aborts `create()` when so much of the download is told of. */
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
  equal(seen, 1, 'events from then on');
}

/** Holds what a monitor hears while a session is made to the specification. */
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
  ok(events.length >= 2, 'there are two events at least');
  equal(events[0].loaded, 0);
  equal(events.at(-1).loaded, 1);
  events.forEach((event, i) => {
    ok(event.total === 1 && event.known && !event.created, JSON.stringify(event));
    equal(event.loaded % (1 / 65_536), 0, 'steps');
    ok(i === 0 || event.loaded > events[i - 1].loaded, 'loaded rises');
  });
  return session;
}
