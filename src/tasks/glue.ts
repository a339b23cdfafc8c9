/** GLUE's tasks as they are (Wang et al. 2018): its labels, its scores, its development sets to test on. */
import { z } from 'zod';
import { type GlueName, glueMetrics, glueNames, glueTitle, readGlue } from '../data/glue';
import { bindLabelled } from './kinds/labelled';
import { scoreTitle } from './score';
import type { Task } from './task';

const options = z.strictObject({
  length: z.int().min(8).default(128).describe('most tokens of a text or pair; longer ones are cut and counted'),
  examples: z.int().positive().optional().describe('training examples, the first of a seeded order; default all'),
  pooling: z
    .enum(['default', 'mean'])
    .default('default')
    .describe("what the head reads: the architecture's own (BERT: the pooler), or the mean of the tokens"),
  prompt: z.string().default('\nLabel:').describe('what asks a decoder or a T5 for the label'),
});

function glueTask(name: GlueName): Task<z.infer<typeof options>> {
  const metrics = glueMetrics[name];
  return {
    name: `glue-${name}`,
    title: glueTitle(name),
    kinds: name === 'stsb' ? ['text'] : ['text', 'causal', 'seq2seq'],
    models: ['minilm'],
    options,
    primary: { metric: metrics[0], title: scoreTitle(metrics[0], name), higherIsBetter: true },
    training: { steps: 300, batch: 16 },
    open: async (o, { dataDir, random }) => {
      const set = await readGlue(name, dataDir);
      const { labels } = set;
      const order = random.fork('train').permutation(set.train.length);
      const train = o.examples === undefined ? set.train : order.slice(0, o.examples).map((i) => set.train[i]);
      return {
        head: { labels: labels ?? 'regress', pooling: o.pooling },
        bind: async (chosen) => {
          const data = { train, validation: set.validation, test: set.test, labels, metrics };
          const loaded = bindLabelled(data, chosen, o);
          return {
            ...loaded,
            notes: { data: set.notes, trainTexts: train.length, ...(labels && { labels }), ...loaded.notes },
          };
        },
      };
    },
  };
}

export const glueTasks = glueNames.map(glueTask);
