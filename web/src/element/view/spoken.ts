import { ReasoningSplitter, type SpokenPiece } from '../markdown/reasoning.ts';
import type { AnswerPiece } from '../providers/answerer.ts';
import type { ChatStrings } from '../shell/button-strings.ts';
import { fill } from '../shell/strings.ts';
import type { TurnView } from './turn.ts';

/** Shows an answer while it is streamed, without the model's reasoning. Returns why it ended. */
export async function show(
  pieces: AsyncIterable<AnswerPiece & { dropped: number }>,
  turn: TurnView,
  strings: ChatStrings,
): Promise<'stop' | 'length'> {
  const parts = new ReasoningSplitter();
  let end: 'stop' | 'length' = 'stop';
  let left = 0;
  const write = ({ reasoning, answer, replaces }: SpokenPiece) => {
    if (replaces) turn.begin();
    if (answer || reasoning) turn.note(!answer ? strings.thinking : left > 0 ? strings.shortened : '');
    turn.write(answer);
  };
  turn.note('');
  try {
    for await (const { text, read, finishReason, dropped } of pieces) {
      left = dropped;
      if (read !== undefined) turn.note(fill(strings.reading, { percent: String(Math.floor(100 * read)) }));
      if (text) write(parts.add(text));
      end = finishReason ?? end;
    }
  } finally {
    // The text of an answer that broke off is kept.
    write(parts.end());
  }
  return end;
}
