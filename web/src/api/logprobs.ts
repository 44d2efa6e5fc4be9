import type { ChatLogprobs, CompletionLogprobs } from './types.ts';
import type { EngineLogprobs, EngineTokenLogprob } from '../protocol/generated.ts';

// The engine's log probabilities in the two shapes of OpenAI's API. Bytes that do not form whole characters are written
// as escapes.

/** The shape of a chat's choice; empty if the request does not ask for it. */
export function chatLogprobs({ logprobs }: { logprobs?: readonly EngineLogprobs[] }): { logprobs?: ChatLogprobs } {
  if (!logprobs) return {};
  const likely = ({ bytes, logprob }: EngineTokenLogprob) => ({ token: spelt(bytes, ''), logprob, bytes });
  const content = logprobs.map((token) => ({ ...likely(token), top_logprobs: token.top.map(likely) }));
  return { logprobs: { content, refusal: null } };
}

/** The shape of a completion's choice. */
export function textLogprobs({ logprobs }: { logprobs?: readonly EngineLogprobs[] }): {
  logprobs?: CompletionLogprobs;
} {
  if (!logprobs) return {};
  const name = ({ bytes }: EngineTokenLogprob) => spelt(bytes, 'bytes:');
  const top = (token: EngineLogprobs) => {
    // The chosen token is always listed. Of two tokens with the same text the more likely one is kept.
    const all = new Map<string, number>();
    for (const likely of [...token.top, token])
      all.set(name(likely), Math.max(all.get(name(likely)) ?? -Infinity, likely.logprob));
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

/** A token's text, or the escaped bytes of a part of a character after a prefix. */
function spelt(bytes: readonly number[], mark: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(new Uint8Array(bytes));
  } catch {
    return mark + bytes.map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
  }
}
