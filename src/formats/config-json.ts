/**
 * `config.json` as Python writes it. JavaScript has one kind of number and writes 1.0 as 1; transformers 5 checks the types
 * of a configuration's fields and refuses an integer where a float belongs.
 */

/** Fields that are floats in transformers' configurations. */
const FLOAT_FIELD =
  /(^|_)(factor|range|dropout|pdrop|prob|eps|epsilon|rate|theta|alpha|beta|layerdrop|layerscale_value|init_value|coef)$/;

/** The text of a configuration, whole numbers in float fields with a `.0`. */
export function configJson(config: Readonly<Record<string, unknown>>): string {
  const text = JSON.stringify(config, null, 2);
  return `${text.replace(/"(\w+)": (-?\d+)(?=[,\n])/g, (member, key: string, value: string) =>
    FLOAT_FIELD.test(key) ? `"${key}": ${value}.0` : member,
  )}\n`;
}
