// Prompts of a given length that differ each time, so that no engine can reuse its KV cache.

/** Token ids that depend only on the seed. Every model's vocabulary has them. */
export function promptIds(length, seed) {
  let state = BigInt(seed + 1);
  return Array.from({ length }, () => {
    // A linear congruential generator (Knuth's MMIX constants).
    state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n);
    return 1000 + Number((state >> 33n) % 20_000n);
  });
}

const TEXT =
  'The linnet is a small finch that lives on open land with thorny bushes and weeds. It is about the ' +
  'size of a sparrow, but slimmer, with a short grey bill, a forked tail and white edges on the wing feathers. In ' +
  'spring the male has a red forehead and a red breast, while the female is brown and streaked all year. The birds ' +
  'eat seeds almost entirely, and even the young are fed with seeds that the parents have softened. They nest in ' +
  'loose groups, often in gorse, and build a cup of grass and moss that is lined with hair and wool. The female ' +
  'lays four to six eggs and sits on them for about two weeks. After the breeding season the families join flocks ' +
  'that wander over stubble fields and along the coast, rising and falling in the air as they fly and calling to one ' +
  'another without pause.';

/** Text of about this many tokens, for engines that take no ids. Speeds are computed from the actual tokens. */
export function promptText(tokens, seed) {
  const words = TEXT.split(' ');
  // A word is about 1.25 tokens.
  const count = Math.max(1, Math.round((tokens - 6) / 1.25));
  return `Notebook ${seed + 1}. ${Array.from({ length: count }, (_, at) => words[at % words.length]).join(' ')}`;
}
