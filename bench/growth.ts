/**
 * How step time and memory grow with batch, length, width, depth, rank and the number of adapted layers: LoRA on a
 * decoder, compiled, each point a process of its own. Writes results/bench/growth.{json,md} with log–log slopes.
 *
 * Run: npm run bench -- growth [--axes batch,length] [--points 4] [--steps 6] [--out FOLDER]
 */
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { adapt } from '../src/methods/adapt';
import { findMethod } from '../src/methods/registry';
import { randomModel } from '../src/models/auto';
import { startBackend } from '../src/tensor/backend';
import { peakResidentBytes, residentBytes } from '../src/tensor/memory';
import { Random } from '../src/tensor/random';
import { decoderLayout, stepperOf, timeSteps } from './cases';
import { logSlope, markdown, median, RESULTS, report } from './facts';
import { kitCommand } from './peers';

/** The point that every axis goes through. */
const BASE = { batch: 8, length: 64, width: 256, depth: 4, rank: 8, layers: 28 };
type Axis = keyof typeof BASE;

/** Values of each axis, from small to large; `layers` counts adapted linear layers, of 28. */
const AXES: Readonly<Record<Axis, readonly number[]>> = {
  batch: [4, 8, 16, 32],
  length: [64, 128, 256, 512],
  width: [128, 256, 512, 768],
  depth: [2, 4, 8, 16],
  rank: [8, 16, 32, 64],
  layers: [3, 7, 14, 28],
};

interface Point {
  readonly ms: number;
  /** MiB above the process before the model was made. */
  readonly mib: number;
}

const { values: flags } = parseArgs({
  options: {
    axes: { type: 'string', default: Object.keys(AXES).join() },
    points: { type: 'string', default: '4' },
    steps: { type: 'string', default: '6' },
    out: { type: 'string', default: RESULTS },
    at: { type: 'string' },
  },
});

async function measure(at: typeof BASE): Promise<Point> {
  await startBackend();
  const before = residentBytes();
  const config = decoderLayout(at.width, at.depth, at.length);
  const model = randomModel('growth', config, new Random(1));
  const random = new Random(1, 'batch');
  const tokens = () => {
    const values = Int32Array.from({ length: at.batch * at.length }, () => random.int(config.vocab_size));
    return tf.tensor2d(values, [at.batch, at.length], 'int32');
  };
  const batch = { tokens: tokens(), targets: tokens(), weights: tf.ones([at.batch, at.length]) };
  const method = findMethod('lora');
  const targets = model.linears.slice(-Math.min(at.layers, model.linears.length));
  const adapters = adapt(model, method, { rank: at.rank }, {}, { targets, random: new Random(2) });
  const times = await timeSteps(stepperOf(model, adapters).stepper, batch, Number(flags.steps), 1e-4);
  return { ms: median(times), mib: (peakResidentBytes() - before) / 2 ** 20 };
}

async function main(): Promise<void> {
  if (flags.at) {
    console.log(JSON.stringify(await measure(JSON.parse(flags.at))));
    process.exit(0);
  }
  console.log('expect about 3 minutes');
  const samples: Partial<Record<Axis, { value: number; point: Point }[]>> = {};
  const rows: string[][] = [];
  for (const axis of flags.axes.split(',') as Axis[]) {
    const points = AXES[axis].slice(0, Number(flags.points)).map((value) => {
      // a deeper model adapts all of its layers
      const at = { ...BASE, ...(axis === 'depth' && { layers: 7 * value }), [axis]: value };
      const [program, ...args] = kitCommand('growth.ts', '--at', JSON.stringify(at), '--steps', flags.steps);
      const out = execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
      return { value, point: JSON.parse(out.trim().split('\n').at(-1) as string) as Point };
    });
    samples[axis] = points;
    const slope = (of: (point: Point) => number) =>
      logSlope(points.map(({ value, point }) => [value, of(point)])).toFixed(2);
    const list = (of: (point: Point) => number) => points.map(({ point }) => of(point).toFixed(0)).join(' → ');
    const cells = [axis, points.map(({ value }) => value).join(' → ')];
    rows.push([...cells, list((p) => p.ms), slope((p) => p.ms), list((p) => p.mib), slope((p) => p.mib)]);
    console.log(rows[rows.length - 1].join('  '));
  }
  await report(flags.out, 'growth', { base: BASE, samples }, [
    `LoRA on a decoder, compiled; around ${Object.entries(BASE)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ')}. Slopes are powers: 1 = in proportion.`,
    'Memory is the peak of the process above what it held before the model was made; two eager steps are part of it.',
    '',
    ...markdown(['Axis', 'values', 'median ms', 'slope', 'MiB', 'slope'], rows, 2),
  ]);
}

void main();
