import type { ChatMessage } from '../../api/types.ts';
import { plainName } from '../../markdown.ts';
import type { Answerer, AnswerOptions, AnswerPiece } from './answerer.ts';
import type { AnswerPolicy } from '../shell/config.ts';
import type { ChatEngine } from '../shell/engine.ts';

/** Keeps small models from repeating themselves. */
const REPETITION_PENALTY = 1.1;

/** The engine on this device. */
export class DeviceAnswerer implements Answerer {
  readonly by = 'device';

  constructor(
    readonly engine: ChatEngine,
    private readonly policy: AnswerPolicy = {},
  ) {}

  get name(): string {
    return plainName(this.engine.info().model.name);
  }

  get contextLength(): number {
    return this.engine.info().model.context_length;
  }

  async *answer(
    messages: readonly ChatMessage[],
    { maxTokens, temperature, signal }: AnswerOptions,
  ): AsyncGenerator<AnswerPiece> {
    const stream = this.engine.chat.completions.create({
      messages,
      stream: true,
      return_progress: true,
      signal,
      max_tokens: maxTokens,
      repetition_penalty: REPETITION_PENALTY,
      ...this.policy,
      ...(temperature === undefined ? {} : { temperature }),
    });
    for await (const { choices, prompt_progress, usage } of stream) {
      const [{ delta, finish_reason }] = choices;
      yield {
        ...(delta.content ? { text: delta.content } : {}),
        ...(prompt_progress ? { read: prompt_progress.processed / prompt_progress.total } : {}),
        ...(finish_reason ? { finishReason: finish_reason === 'length' ? 'length' : 'stop' } : {}),
        ...(usage ? { promptTokens: usage.prompt_tokens } : {}),
      };
    }
  }
}
