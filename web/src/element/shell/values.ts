// Values whose types the page may have got wrong.

/** Whether it is an object, whose fields can be read. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** Whether it is a string. */
export function isText(value: unknown): value is string {
  return typeof value === 'string';
}
