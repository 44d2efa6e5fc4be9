import type { ChatStrings } from '../shell/button-strings.ts';
import type { AnsweredBy } from '../shell/events.ts';
import { fill } from '../shell/strings.ts';

/**
 * The line below an answer: where it was written, if answers may come from both places, and how it ended.
 *
 * @param host the server's name; `undefined` if the site has no server
 */
export function answerNote(strings: ChatStrings, by: AnsweredBy, host: string | undefined, end: string): string {
  const { byServer, onDevice } = strings;
  const place = by === 'endpoint' ? fill(byServer, { host: host ?? '' }) : host === undefined ? '' : onDevice;
  return [place, end].filter(Boolean).join(' · ');
}
