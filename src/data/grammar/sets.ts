/**
 * Five sets with the shapes of MNLI, SST-2, CoLA, QNLI and MRPC, as texts: prompts and label words are those of
 * LoRA-GA's GLUE runs, cut into words.
 */
import type { Random } from '../../tensor/random';
import { judgedSentence } from './agreement';
import { inference } from './inference';
import { review } from './opinion';
import { rephrased } from './paraphrase';
import { questionAndSentence } from './question';

/** One example before tokenising. */
export interface Labelled {
  readonly text: string;
  readonly label: string;
}

export interface UnderstandingSet {
  readonly name: string;
  /** The GLUE task of the same shape. */
  readonly like: string;
  readonly title: string;
  /** Label words; examples are balanced over them. */
  readonly labels: readonly string[];
  /** Tokens that hold every prompt with its text. */
  readonly length: number;
  /** A text of that label, without prompt. */
  write(random: Random, label: string): string;
  prompt(text: string): string;
}

const about = (what: string) => (text: string) => `classify the ${what} : ${text} \n result :`;
/** Two sentences as one text. */
export const pairOf = (first: string, second: string): string => `${first} . \n ${second} .`;
/** A question and a sentence as one text. */
export const questionOf = (question: string, sentence: string): string => `${question} ? \n ${sentence} .`;

export const understandingSets: readonly UnderstandingSet[] = [
  {
    name: 'nli',
    like: 'MNLI',
    title: 'Inference: does the second sentence follow?',
    labels: ['entailment', 'neutral', 'contradiction'],
    length: 40,
    write: (random, label) => {
      while (true) {
        const { premise, hypothesis, verdict } = inference(random);
        if (verdict === label) return pairOf(premise, hypothesis);
      }
    },
    prompt: about('semantic similarity of the text'),
  },
  {
    name: 'sentiment',
    like: 'SST-2',
    title: 'Sentiment of a review',
    labels: ['negative', 'positive'],
    length: 28,
    write: (random, label) => `${review(random, label === 'positive')} .`,
    prompt: about('sentiment of the text'),
  },
  {
    name: 'acceptability',
    like: 'CoLA',
    title: 'Acceptability of a sentence',
    labels: ['unacceptable', 'acceptable'],
    length: 24,
    write: (random, label) => `${judgedSentence(random, label === 'acceptable')} .`,
    prompt: about('grammaticality of the text'),
  },
  {
    name: 'question-sentence',
    like: 'QNLI',
    title: 'Does the sentence answer the question?',
    labels: ['entailment', 'not_entailment'],
    length: 50,
    write: (random, label) => {
      const { question, sentence } = questionAndSentence(random, label === 'entailment');
      return questionOf(question, sentence);
    },
    prompt: about('semantic similarity of the question and the sentence'),
  },
  {
    name: 'paraphrase',
    like: 'MRPC',
    title: 'Do two sentences say the same?',
    labels: ['different', 'equivalent'],
    length: 40,
    write: (random, label) => {
      const { first, second } = rephrased(random, label === 'equivalent');
      return pairOf(first, second);
    },
    prompt: about('semantic similarity of the text'),
  },
];

/**
 * Different examples, labels in turn.
 * @param without texts that must not be drawn, e.g. those of the test set.
 */
export function writeExamples(
  set: UnderstandingSet,
  random: Random,
  count: number,
  without: ReadonlySet<string> = new Set(),
): Labelled[] {
  const drawn = new Set<string>();
  const examples: Labelled[] = [];
  while (examples.length < count) {
    const label = set.labels[examples.length % set.labels.length];
    const text = set.write(random, label);
    if (drawn.has(text) || without.has(text)) continue;
    drawn.add(text);
    examples.push({ text, label });
  }
  return examples;
}
