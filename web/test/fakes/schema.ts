/**
 * The part of JSON Schema that the list's schema uses. Anything else in a schema is an error.
 */
interface Schema {
  [keyword: string]: unknown;
  type?: string | string[];
  enum?: unknown[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean;
  items?: Schema;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  minLength?: number;
}

const KNOWN = [
  'type',
  'enum',
  'properties',
  'required',
  'additionalProperties',
  'items',
  'pattern',
  'minimum',
  'maximum',
  'minItems',
  'minLength',
];
const REMARKS = ['$schema', 'title', 'description'];

/** The violations of the schema in a value, each with its path. */
export function violations(value: unknown, schema: Schema, place = '$'): string[] {
  for (const keyword of Object.keys(schema))
    if (![...KNOWN, ...REMARKS].includes(keyword)) throw new Error(`${place}: no check of "${keyword}"`);
  const found: string[] = [];
  const rule = (holds: boolean, text: string) => void (holds || found.push(`${place}: ${text}`));
  if (schema.type)
    rule(
      [schema.type].flat().includes(typeOf(value)) ||
        (typeOf(value) === 'integer' && [schema.type].flat().includes('number')),
      `is no ${String(schema.type)}`,
    );
  if (schema.enum) rule(schema.enum.includes(value), `is none of ${schema.enum.join(', ')}`);
  if (typeof value === 'string') {
    if (schema.pattern) rule(new RegExp(schema.pattern, 'u').test(value), `does not match ${schema.pattern}`);
    rule(value.length >= (schema.minLength ?? 0), 'is too short');
  }
  if (typeof value === 'number')
    rule(value >= (schema.minimum ?? -Infinity) && value <= (schema.maximum ?? Infinity), 'is out of range');
  if (Array.isArray(value)) {
    rule(value.length >= (schema.minItems ?? 0), 'has too few items');
    if (schema.items)
      found.push(...value.flatMap((item, index) => violations(item, schema.items!, `${place}[${index}]`)));
  } else if (typeof value === 'object' && value !== null) {
    for (const key of schema.required ?? []) rule(key in value, `has no ${key}`);
    for (const [key, item] of Object.entries(value)) {
      const own = schema.properties?.[key];
      if (own) found.push(...violations(item, own, `${place}.${key}`));
      else rule(schema.additionalProperties !== false, `has an unknown ${key}`);
    }
  }
  return found;
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}
