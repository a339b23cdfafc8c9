/** CLINC150 (Larson et al. 2019): what a person wants of an assistant. Ten of the 150 intents. */
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf, UserError } from '../../errors';
import { readText } from '../../formats/read';
import type { Corpus } from './corpus';

/** Intents whose names begin with different letters, so that a name's first token tells them apart. */
export const CLINC_LABELS = [
  ...['balance', 'calories', 'directions', 'exchange_rate', 'flight_status'],
  ...['income', 'measurement_conversion', 'pay_bill', 'recipe', 'timer'],
] as const;

const pairs = z.array(z.tuple([z.string().min(1), z.string().min(1)]));
const schema = z.object({ train: pairs, val: pairs, test: pairs });

/** Reads `clinc150/data_full.json`. Its validation texts join the pool. @throws UserError when it is of another form. */
export function readClinc(dataDir: string): Corpus {
  const path = join(dataDir, 'clinc150', 'data_full.json');
  const text = readText(path, 'CLINC150 file');
  let parsed: z.infer<typeof schema>;
  try {
    parsed = schema.parse(JSON.parse(text));
  } catch (error) {
    throw new UserError(`${path} is not CLINC150's data_full.json: ${messageOf(error).slice(0, 120)}`, {
      cause: error,
    });
  }
  const ours = new Set<string>(CLINC_LABELS);
  const of = (part: keyof typeof parsed) =>
    parsed[part].filter(([, label]) => ours.has(label)).map(([query, label]) => ({ text: query, label }));
  return { examples: [...of('train'), ...of('val')], test: of('test') };
}
