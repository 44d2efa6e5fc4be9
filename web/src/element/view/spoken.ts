import type { ChatTurn } from '../parts/turn.ts';
import type { AnswerPiece } from '../providers/answerer.ts';
import type { ChatStrings } from '../shell/button-strings.ts';
import { fill } from '../shell/strings.ts';

/** Shows an answer while it is streamed. Returns why it ended. */
export async function show(
  pieces: AsyncIterable<AnswerPiece & { dropped: number }>,
  turn: ChatTurn,
  strings: ChatStrings,
): Promise<'stop' | 'length'> {
  let end: 'stop' | 'length' = 'stop';
  turn.note('');
  for await (const { read, finishReason, dropped } of pieces) {
    if (read !== undefined) turn.note(fill(strings.reading, { percent: String(Math.floor(100 * read)) }));
    else turn.note(dropped > 0 ? strings.shortened : '');
    end = finishReason ?? end;
  }
  return end;
}
