/** Hand-made run records for the tests of tables and charts. */
import { type RunRecord, recordSchema } from '../../src/experiments/record';
import { Random } from '../../src/tensor/random';

export interface Wish {
  task?: string;
  method?: string;
  seed?: number;
  accuracy?: number;
  steps?: number;
  stepMedian?: number;
  ranks?: Record<string, number> | null;
  status?: RunRecord['status'];
  id?: string;
}

/** A valid record; the loss falls like 2.3·e^(−t/30) with seeded noise. */
export function record(wish: Wish = {}): RunRecord {
  const { task = 'digits', method = 'lora', seed = 0, steps = 40 } = wish;
  const noise = new Random(seed, `${task}/${method}`);
  const pace = 20 + 4 * method.length;
  const step = Array.from({ length: steps }, (_, i) => i + 1);
  const accuracy = wish.accuracy ?? 0.9 + 0.01 * noise.normal();
  return recordSchema.parse({
    format: 1,
    id: wish.id ?? `${task}-${method}-s${seed}-00000000`,
    status: wish.status ?? 'completed',
    error: wish.status === 'failed' ? 'out of memory' : null,
    spec: { task, model: 'tiny', method, seed, training: {}, methodOptions: {}, taskOptions: {} },
    startedAt: '2025-01-01T00:00:00Z',
    finishedAt: '2025-01-01T00:01:00Z',
    environment: { backend: 'tensorflow', device: 'CPU' },
    model: { parameters: 100_000, trainable: method === 'full' ? 100_000 : 4_096, adapter: 4_096, layers: 8 },
    primary: { metric: 'accuracy', title: 'Accuracy', higherIsBetter: true },
    curve: {
      step,
      loss: step.map((t) => 2.3 * Math.exp(-t / pace) + 0.05 * noise.normal() + 0.2),
      lr: step.map(() => 1e-3),
    },
    evaluations: [],
    metrics: { accuracy, loss: 1 - accuracy },
    ranks: wish.ranks ?? null,
    importances: null,
    notes: {},
    timings: { stepMedian: wish.stepMedian ?? 10 + noise.uniform() },
    memory: {},
  });
}

/** Records of every method with every seed. */
export function grid(tasks: string[], methods: string[], seeds: number[], wish: Wish = {}): RunRecord[] {
  return tasks.flatMap((task) =>
    methods.flatMap((method) => seeds.map((seed) => record({ ...wish, task, method, seed }))),
  );
}

/** Ranks of a small decoder, other for each seed. */
export function decoderRanks(seed: number, blocks = 4): Record<string, number> {
  const random = new Random(seed, 'ranks');
  const names = [
    'self_attn.q_proj',
    'self_attn.k_proj',
    'self_attn.v_proj',
    'self_attn.o_proj',
    'mlp.gate_proj',
    'mlp.up_proj',
    'mlp.down_proj',
  ];
  const entries = Array.from({ length: blocks }, (_, block) =>
    names.map((name) => [`model.layers.${block}.${name}`, 4 + random.int(29)] as const),
  );
  return Object.fromEntries(entries.flat());
}
