/** A function of the site that the model may call. */
export interface PageTool {
  /** Its name for the model: letters, digits, `_` and `-`, at most 64. */
  name: string;
  /** What it does and when to use it, for the model. */
  description?: string;
  /** The JSON schema of its arguments, an object; by default it has none. */
  parameters?: Readonly<Record<string, unknown>>;
  /**
   * Does it. The arguments come from the model and may not follow the schema. The result is text, or a value that is
   * sent to the model as JSON. An exception's message is sent to the model, too.
   *
   * @param context its `signal` aborts when the person stops the answer
   */
  // biome-ignore lint/suspicious/noExplicitAny: a site types the arguments by its own schema.
  execute(args: any, context: { signal: AbortSignal }): unknown;
  /** Whether the person is asked before each call; a text is the question. */
  confirm?: boolean | string;
}

/** What is wrong with a site's tools, for its owner; `undefined` if they are valid. */
export function toolFault(tools: unknown): string | undefined {
  if (!Array.isArray(tools)) return 'it must be an array of tools';
  const names = new Set<unknown>();
  for (const [index, tool] of tools.entries()) {
    const { name, description = '', parameters = {}, execute } = (tool ?? {}) as Partial<PageTool>;
    if (typeof name !== 'string' || !/^[\w-]{1,64}$/.test(name))
      return `tools[${index}].name must be 1 to 64 letters, digits, "_" or "-"`;
    if (typeof description !== 'string') return `tools[${index}].description must be a string`;
    if (typeof parameters !== 'object' || parameters === null)
      return `tools[${index}].parameters must be a JSON schema, an object`;
    if (typeof execute !== 'function') return `tools[${index}].execute must be a function`;
    if (names.has(name)) return `tools[${index}].name is used twice`;
    names.add(name);
  }
  return undefined;
}

/** The tools in the form of OpenAI's API. */
export function definitionsOf(tools: readonly PageTool[]) {
  return tools.map(({ name, description, parameters = { type: 'object', properties: {} } }) => ({
    type: 'function' as const,
    function: { name, ...(description === undefined ? {} : { description }), parameters },
  }));
}
