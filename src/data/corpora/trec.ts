/** TREC question types (Li & Roth 2002): six coarse classes. */
import { join } from 'node:path';
import { UserError } from '../../errors';
import { readBytes } from '../../formats/read';
import { type Corpus, type LabelledText, linesOf } from './corpus';

/** What is asked for, in the files' order: description, entity, abbreviation, human, location, number. */
export const TREC_LABELS = ['meaning', 'thing', 'short', 'person', 'location', 'number'] as const;

/** Lines of a class 0 … 5, a space and a question, in Latin-1 as published. */
function readQuestions(path: string): LabelledText[] {
  const text = Buffer.from(readBytes(path, 'TREC file')).toString('latin1');
  return linesOf(text, path).map((line, i) => {
    const [, type, question] = /^([0-5]) (.+)$/.exec(line) ?? [];
    if (!question) throw new UserError(`${path}: line ${i + 1} is not a class 0 … 5, a space and a question`);
    return { text: question, label: TREC_LABELS[Number(type)] };
  });
}

/** Reads `trec/TREC.train.all` and `trec/TREC.test.all`. @throws UserError naming a line of another form. */
export function readTrec(dataDir: string): Corpus {
  const read = (part: string) => readQuestions(join(dataDir, 'trec', `TREC.${part}.all`));
  return { examples: read('train'), test: read('test') };
}
