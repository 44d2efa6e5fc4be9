import { plainName } from '../../markdown.ts';
import type { Answerer, AnswerOptions, AnswerPiece, Messages } from './answerer.ts';
import type { AnswerPolicy } from '../shell/config.ts';
import type { ChatEngine } from '../shell/engine.ts';
import { definitionsOf } from '../tools/page-tool.ts';
import { callPiece } from '../tools/rounds.ts';

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

  get thinkingSwitch(): boolean {
    return this.engine.info().model.reasoning === 'optional';
  }

  get thinks(): boolean | undefined {
    return this.engine.info().model.thinks;
  }

  async *answer(
    messages: Messages,
    { maxTokens, temperature, thinking, tools, toolChoice, signal }: AnswerOptions,
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
      ...(thinking === undefined || !this.thinkingSwitch ? {} : { enable_thinking: thinking }),
      ...(tools?.length ? { tools: definitionsOf(tools) } : {}),
      ...(tools?.length && toolChoice ? { tool_choice: toolChoice } : {}),
    });
    for await (const { choices, prompt_progress, usage } of stream) {
      const [{ delta, finish_reason }] = choices;
      yield {
        ...(delta.content ? { text: delta.content } : {}),
        ...(delta.reasoning_content ? { reasoning: delta.reasoning_content } : {}),
        ...(delta.tool_calls ? { calls: delta.tool_calls.map(callPiece) } : {}),
        ...(prompt_progress ? { read: prompt_progress.processed / prompt_progress.total } : {}),
        ...(finish_reason ? { finishReason: finish_reason === 'length' ? 'length' : 'stop' } : {}),
        ...(usage ? { promptTokens: usage.prompt_tokens } : {}),
      };
    }
  }
}
