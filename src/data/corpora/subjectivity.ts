/** Subjectivity (Pang & Lee 2004): sentences of film plots (fact) and of reviews (opinion). */
import { join } from 'node:path';
import { readZipEntry } from '../../formats/zip';
import { type Corpus, linesOf } from './corpus';

export const SUBJECTIVITY_LABELS = ['fact', 'opinion'] as const;
const ENTRIES = { fact: 'plot.tok.gt9.5000', opinion: 'quote.tok.gt9.5000' } as const;

/** Reads `nltk/subjectivity.zip`: one sentence a line, a file a class, Latin-1. */
export function readSubjectivity(dataDir: string): Corpus {
  const path = join(dataDir, 'nltk', 'subjectivity.zip');
  const examples = SUBJECTIVITY_LABELS.flatMap((label) => {
    const entry = `subjectivity/${ENTRIES[label]}`;
    const text = Buffer.from(readZipEntry(path, entry)).toString('latin1');
    return linesOf(text, `${path}: ${entry}`).map((line) => ({ text: line.trim(), label }));
  });
  return { examples, test: null };
}
