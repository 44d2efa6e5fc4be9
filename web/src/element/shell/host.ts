import type { ChatStrings } from './button-strings.ts';
import type { PageTool } from '../tools/page-tool.ts';
import type { ChatEngine } from './engine.ts';

/** The parts of the element that the chat needs; `LinnetChat` documents them. */
export interface ChatHost extends HTMLElement {
  readonly mode: string;
  readonly model: string | null;
  readonly endpoint: string | null;
  readonly heading: string | null;
  readonly greeting: string | null;
  readonly system: string | null;
  readonly strings: Partial<ChatStrings>;
  readonly suggestions: readonly string[] | undefined;
  readonly context: string | undefined;
  readonly engine: ChatEngine | undefined;
  readonly tools: readonly PageTool[] | undefined;
  readonly endpointHeaders: Record<string, string> | undefined;
  /** Closes the chat. */
  hide(): void;
}
