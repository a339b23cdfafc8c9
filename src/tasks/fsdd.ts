/**
 * Spoken digits by an unseen speaker: KWT-1 (speech commands) adapts to the Free Spoken Digit Dataset.
 *
 * One speaker is the test set, the next one the validation set (so nothing is tuned on the tested voice), the other
 * four give `shots` clips a digit. The new ten-way head is fitted by a linear probe before any method starts: with a
 * random head the first gradients say little about the base.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors';
import { readSafetensors, toFloat32 } from '../formats/safetensors';
import type { Random } from '../tensor/random';
import { classificationSet, withNewHead } from './kinds/classify';
import type { Task } from './task';

export const SPEAKERS = ['george', 'jackson', 'lucas', 'nicolas', 'theo', 'yweweler'] as const;
const DIGITS = 10;

const options = z.strictObject({
  speaker: z.enum(SPEAKERS).default('theo').describe('speaker held out for the test'),
  shots: z.int().positive().default(20).describe('training clips a digit, spread over four speakers'),
  probe: z.boolean().default(true).describe('fit the new head by a linear probe first'),
});

interface Clips {
  readonly mfcc: Float32Array;
  readonly label: Int32Array;
  readonly speaker: Int32Array;
}

function readClips(path: string): Clips {
  const { tensors } = readSafetensors(path);
  const values = (name: string) => {
    const tensor = tensors.get(name);
    if (!tensor) throw new UserError(`${path}: tensor "${name}" is missing. Is it the digits' feature file?`);
    return toFloat32(tensor);
  };
  const clips = {
    mfcc: values('mfcc'),
    label: Int32Array.from(values('label')),
    speaker: Int32Array.from(values('speaker')),
  };
  if (clips.label.length === 0) throw new UserError(`${path} holds no clip: the data set is empty`);
  return clips;
}

/** `shots` clips of every digit, drawn in turn from each training speaker. */
function drawShots(clips: Clips, speakers: readonly number[], shots: number, random: Random): number[] {
  const chosen: number[] = [];
  for (let digit = 0; digit < DIGITS; digit++) {
    const piles = speakers.map((speaker) => {
      const all = [...clips.label.keys()].filter((i) => clips.label[i] === digit && clips.speaker[i] === speaker);
      const order = random.fork(`${digit}/${speaker}`).permutation(all.length);
      return order.map((i) => all[i]);
    });
    const available = piles.reduce((sum, pile) => sum + pile.length, 0);
    if (shots > available) throw new UserError(`shots ${shots} is more than the ${available} clips of digit ${digit}`);
    for (let k = 0, taken = 0; taken < shots; k++) {
      const clip = piles[k % piles.length].pop();
      if (clip === undefined) continue;
      chosen.push(clip);
      taken += 1;
    }
  }
  return chosen;
}

export const fsdd: Task<z.infer<typeof options>> = {
  name: 'fsdd-loso',
  title: 'KWT-1 → spoken digits, unseen speaker',
  kinds: ['features'],
  models: ['kwt1'],
  options,
  primary: { metric: 'accuracy', title: 'Test accuracy, unseen speaker (%)', higherIsBetter: true },
  training: { steps: 120, batch: 32, evalEvery: 20 },
  open: async (o, { dataDir, random }) => {
    const clips = readClips(join(dataDir, 'fsdd', 'fsdd-mfcc-f16.safetensors.gz'));
    const test = SPEAKERS.indexOf(o.speaker);
    const validation = (test + 1) % SPEAKERS.length;
    const others = SPEAKERS.map((_, i) => i).filter((i) => i !== test && i !== validation);
    const set = (indices: readonly number[]) => classificationSet(clips.mfcc, [98, 40], clips.label, indices);
    const of = (speaker: number) => set([...clips.speaker.keys()].filter((i) => clips.speaker[i] === speaker));
    const train = set(drawShots(clips, others, o.shots, random));
    const notes = { trainClips: train.size, validationSpeaker: SPEAKERS[validation] };
    return {
      head: { labels: DIGITS, fresh: true },
      bind: ({ model }) => withNewHead(model, { train, validation: of(validation), test: of(test) }, o.probe, notes),
    };
  },
};
