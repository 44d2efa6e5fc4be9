import type { ChatLogprobs, CompletionLogprobs } from './types.ts';
import type { EngineLikely, EngineLogprobs } from '../protocol/wasm.ts';

// What the engine tells of tokens, in the two shapes that OpenAI's API has for it. Bytes that are no whole characters are written out.

/** As a chat's choice has it; nothing where the request does not want to know. */
export function chatLogprobs({ logprobs }: { logprobs?: readonly EngineLogprobs[] }): { logprobs?: ChatLogprobs } {
  if (!logprobs) return {};
  const likely = ({ bytes, logprob }: EngineLikely) => ({ token: spelt(bytes, ''), logprob, bytes });
  const content = logprobs.map((token) => ({ ...likely(token), top_logprobs: token.top.map(likely) }));
  return { logprobs: { content, refusal: null } };
}

/** As a continuation's choice has it. */
export function textLogprobs({ logprobs }: { logprobs?: readonly EngineLogprobs[] }): { logprobs?: CompletionLogprobs } {
  if (!logprobs) return {};
  const name = ({ bytes }: EngineLikely) => spelt(bytes, 'bytes:');
  const top = (token: EngineLogprobs) => {
    // The chosen one is always there. Of two that are spelt alike the likelier one counts.
    const all = new Map<string, number>();
    for (const likely of [...token.top, token]) all.set(name(likely), Math.max(all.get(name(likely)) ?? -Infinity, likely.logprob));
    return Object.fromEntries(all);
  };
  return {
    logprobs: {
      tokens: logprobs.map(name),
      token_logprobs: logprobs.map(({ logprob }) => logprob),
      top_logprobs: logprobs.map(top),
      text_offset: logprobs.map(({ offset }) => offset),
    },
  };
}

/** A token's text; of a part of a character its bytes, behind a mark. */
function spelt(bytes: readonly number[], mark: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(new Uint8Array(bytes));
  } catch {
    return mark + bytes.map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
  }
}
