/** The browser's formatters, kept because creating one is slow on phones. */
const formatters = new Map<string, Intl.NumberFormat>();

/** A size such as "98.4 MB" in that language, or in the person's language if the browser does not know it. */
export function sizeText(bytes: number, language: string | undefined): string {
  const [unit, value] = bytes < 999.5e6 ? (['megabyte', bytes / 1e6] as const) : (['gigabyte', bytes / 1e9] as const);
  const options = { style: 'unit', unit, maximumFractionDigits: value < 100 ? 1 : 0 } as const;
  const key = `${language} ${unit} ${options.maximumFractionDigits}`;
  let formatter = formatters.get(key);
  if (!formatter) formatters.set(key, (formatter = made(language, options)));
  return formatter.format(value);
}

/** Creates the formatters in two steps: numbers, then units. */
export function warmUpSizes(language: string | undefined): void {
  setTimeout(() => made(language, {}).format(1));
  setTimeout(() => [1e6, 1e8].map((bytes) => sizeText(bytes, language)), 20);
}

function made(language: string | undefined, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  try {
    return new Intl.NumberFormat(language, options);
  } catch {
    // The page's `lang` is not a valid language tag.
    return new Intl.NumberFormat(undefined, options);
  }
}
