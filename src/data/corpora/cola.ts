/** CoLA (Warstadt et al. 2019): sentences of linguistics texts, judged acceptable or not. */
import { join } from 'node:path';
import { UserError } from '../../errors';
import { readText } from '../../formats/read';
import { type Corpus, linesOf } from './corpus';

export const COLA_LABELS = ['bad', 'good'] as const;

/**
 * Reads `glue/CoLA/in_domain_train.tsv`: source, judgement (0 or 1), the source's mark, sentence. The published test
 * set has no labels.
 * @throws UserError naming the line that is of another form.
 */
export function readCola(dataDir: string): Corpus {
  const path = join(dataDir, 'glue', 'CoLA', 'in_domain_train.tsv');
  const examples = linesOf(readText(path, 'CoLA file'), path).map((line, i) => {
    const [, judgement, , text, ...more] = line.split('\t');
    if (!/^[01]$/.test(judgement ?? '') || !text || more.length > 0) {
      throw new UserError(`${path}: line ${i + 1} is not source, 0 or 1, mark and sentence, set off by tabs`);
    }
    return { text, label: COLA_LABELS[Number(judgement)] };
  });
  return { examples, test: null };
}
