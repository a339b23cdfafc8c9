/** What differs between two adapters, two models or two records, the largest differences first. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors';
import { openGguf } from '../formats/gguf';
import { type AdaptedLayer, loadAdapter, type Matrix } from '../formats/peft';
import { isAdapterFolder } from '../formats/peft-convert';
import { openSafetensors } from '../formats/safetensors';
import { openShardedSafetensors } from '../formats/safetensors-sharded';
import type { WeightFile } from '../formats/weights';
import { allForms } from '../methods/forms';
import { recordNamed } from './export-adapter';
import type { RunRecord } from './record';

/** One thing that differs. */
export interface DiffRow {
  readonly what: string;
  readonly a: string;
  readonly b: string;
  /** Relative, 0 … ; null where it is no matter of degree. */
  readonly difference: number | null;
}

export interface Diff {
  readonly kind: 'adapters' | 'models' | 'records';
  /** What is no matter of degree first, then the largest differences. */
  readonly rows: readonly DiffRow[];
  readonly onlyA: readonly string[];
  readonly onlyB: readonly string[];
  /** Things compared that are the same. */
  readonly equal: number;
}

interface Found {
  readonly rows: DiffRow[];
  readonly onlyA: string[];
  readonly onlyB: string[];
  equal: number;
}

const begin = (): Found => ({ rows: [], onlyA: [], onlyB: [], equal: 0 });

function finish(kind: Diff['kind'], found: Found): Diff {
  const rank = ({ difference }: DiffRow) => (difference === null ? Number.POSITIVE_INFINITY : difference);
  const rows = [...found.rows].sort((x, y) => (rank(x) === rank(y) ? 0 : rank(y) - rank(x)));
  return { ...found, kind, rows };
}

/** Names of both sides; what only one has is noted. */
function shared(a: Iterable<string>, b: Iterable<string>, found: Found): string[] {
  const [left, right] = [new Set(a), new Set(b)];
  found.onlyA.push(...[...left].filter((name) => !right.has(name)));
  found.onlyB.push(...[...right].filter((name) => !left.has(name)));
  return [...left].filter((name) => right.has(name));
}

const figure = (value: number): string => String(Number(value.toPrecision(4)));

/** ‖x − y‖ / max(‖x‖, ‖y‖), and the norms; values that are not finite count as an infinite difference. */
function distance(x: ArrayLike<number>, y: ArrayLike<number>): { difference: number; x: number; y: number } {
  let [apart, left, right] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    if (Object.is(x[i], y[i])) {
      if (Number.isFinite(x[i])) {
        left += x[i] * x[i];
        right += y[i] * y[i];
      }
      continue;
    }
    apart += (x[i] - y[i]) ** 2;
    left += x[i] * x[i];
    right += y[i] * y[i];
  }
  const most = Math.sqrt(Math.max(left, right));
  const difference = apart === 0 ? 0 : Math.sqrt(apart) / most;
  return {
    difference: Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference,
    x: Math.sqrt(left),
    y: Math.sqrt(right),
  };
}

/** Differences between two files of weights, tensor by tensor. */
function diffWeights(a: WeightFile, b: WeightFile): Diff {
  const found = begin();
  for (const name of shared(a.names, b.names, found)) {
    const [left, right] = [a.shape(name), b.shape(name)];
    if (left.join() !== right.join()) {
      found.rows.push({ what: `${name}: shape`, a: `[${left}]`, b: `[${right}]`, difference: null });
      continue;
    }
    const { difference, x, y } = distance(a.read(name), b.read(name));
    if (difference === 0) found.equal++;
    else found.rows.push({ what: name, a: `‖·‖ ${figure(x)}`, b: `‖·‖ ${figure(y)}`, difference });
  }
  return finish('models', found);
}

/** Σ over the factors of ⟨s·B·A, s′·B′·A′⟩, from r × r′ products. */
function inner(one: AdaptedLayer, other: AdaptedLayer): number {
  const [r, q] = [one.rank, other.rank];
  const fanIn = one.A.shape[1];
  const out = one.B.shape[0];
  const lambda = ({ extra }: AdaptedLayer, i: number) => extra?.E?.data[i] ?? 1;
  let sum = 0;
  for (let i = 0; i < r; i++) {
    for (let j = 0; j < q; j++) {
      let [aa, bb] = [0, 0];
      for (let k = 0; k < fanIn; k++) aa += one.A.data[i * fanIn + k] * other.A.data[j * fanIn + k];
      for (let k = 0; k < out; k++) bb += one.B.data[k * r + i] * other.B.data[k * q + j];
      sum += aa * bb * lambda(one, i) * lambda(other, j);
    }
  }
  return sum * one.scale * other.scale;
}

/**
 * How far apart two layers' changes s·B·A are, relative to the larger: the same change from other factors is none.
 * Below the rounding of the differences of squares it counts as 0.
 */
function changeApart(one: AdaptedLayer, other: AdaptedLayer): { difference: number; x: number; y: number } {
  const equal = (a?: Matrix, b?: Matrix) =>
    a?.data.length === b?.data.length && (a?.data.every((value, i) => Object.is(value, b?.data[i])) ?? true);
  const [xx, yy] = [inner(one, one), inner(other, other)];
  const [x, y] = [Math.sqrt(Math.max(0, xx)), Math.sqrt(Math.max(0, yy))];
  const alike =
    equal(one.A, other.A) && equal(one.B, other.B) && equal(one.extra?.E, other.extra?.E) && one.scale === other.scale;
  const [m, n] = [one.extra?.magnitude, other.extra?.magnitude];
  const magnitudes = m && n ? distance(m.data, n.data).difference : 0;
  const most = Math.max(xx, yy);
  if (alike || most === 0) return { difference: magnitudes, x, y };
  const square = (xx - 2 * inner(one, other) + yy) / most;
  const apart = square < 1e-12 ? 0 : Math.sqrt(square);
  return { difference: Math.max(apart, magnitudes), x, y };
}

/** Fields that say where and by whom, not what. */
const ASIDE = ['peft_version', 'base_model_name_or_path', 'auto_mapping', 'inference_mode'];

function diffAdapters(left: string, right: string): Diff {
  const [a, b] = [loadAdapter(left, allForms), loadAdapter(right, allForms)];
  const found = begin();
  const keys = [...new Set([...Object.keys(a.config), ...Object.keys(b.config)])].filter((key) => !ASIDE.includes(key));
  for (const key of keys.sort()) {
    const [x, y] = [a.config[key], b.config[key]].map((value) => JSON.stringify(value) ?? 'none');
    if (x !== y) found.rows.push({ what: `config ${key}`, a: x, b: y, difference: null });
  }
  const byName = (layers: readonly AdaptedLayer[]) => new Map(layers.map((layer) => [layer.name, layer]));
  const [one, two] = [byName(a.layers), byName(b.layers)];
  for (const name of shared(one.keys(), two.keys(), found)) {
    const [x, y] = [one.get(name) as AdaptedLayer, two.get(name) as AdaptedLayer];
    if (x.A.shape[1] !== y.A.shape[1] || x.B.shape[0] !== y.B.shape[0]) {
      const size = ({ A, B }: AdaptedLayer) => `[${B.shape[0]}, ${A.shape[1]}]`;
      found.rows.push({ what: `${name}: layer`, a: size(x), b: size(y), difference: null });
      continue;
    }
    const apart = changeApart(x, y);
    if (apart.difference === 0 && x.rank === y.rank) found.equal++;
    else {
      const text = (layer: AdaptedLayer, norm: number) => `rank ${layer.rank}, ‖s·BA‖ ${figure(norm)}`;
      found.rows.push({ what: name, a: text(x, apart.x), b: text(y, apart.y), difference: apart.difference });
    }
  }
  for (const name of shared(a.modules.keys(), b.modules.keys(), found)) {
    const [x, y] = [a.modules.get(name), b.modules.get(name)];
    if (!x || !y) continue;
    if (x.shape.join() !== y.shape.join()) {
      found.rows.push({ what: `${name}: shape`, a: `[${x.shape}]`, b: `[${y.shape}]`, difference: null });
      continue;
    }
    const apart = distance(x.data, y.data);
    if (apart.difference === 0) found.equal++;
    else
      found.rows.push({
        what: name,
        a: `‖·‖ ${figure(apart.x)}`,
        b: `‖·‖ ${figure(apart.y)}`,
        difference: apart.difference,
      });
  }
  return finish('adapters', found);
}

/** Leaves of an object by path; lists of numbers as one text. */
function leaves(value: unknown, path: string, into: Map<string, unknown>): void {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) into.set(path, value);
  else for (const [key, item] of Object.entries(value)) leaves(item, path ? `${path}.${key}` : key, into);
}

/** Of a record what a person compares: settings, results, ranks, costs; not when and where. */
function facets({
  spec,
  status,
  metrics,
  ranks,
  importances,
  notes,
  model,
  curve,
  timings,
  memory,
  environment,
}: RunRecord) {
  const into = new Map<string, unknown>();
  const { commit, kit, backend, device } = environment;
  const last = { steps: curve.step.length, lastLoss: curve.loss[curve.loss.length - 1] ?? null };
  const all = { spec, status, metrics, curve: last, model, ranks, importances, notes, timings, memory };
  leaves({ ...all, environment: { commit, kit, backend, device } }, '', into);
  return into;
}

function diffRecords(a: RunRecord, b: RunRecord): Diff {
  const found = begin();
  const [left, right] = [facets(a), facets(b)];
  for (const path of shared(left.keys(), right.keys(), found)) {
    const [x, y] = [left.get(path), right.get(path)];
    const text = (value: unknown) => (typeof value === 'string' ? value : (JSON.stringify(value) ?? 'none'));
    if (text(x) === text(y)) {
      found.equal++;
      continue;
    }
    const numbers = typeof x === 'number' && typeof y === 'number' && !path.startsWith('spec.');
    const difference = numbers ? Math.abs(x - y) / Math.max(Math.abs(x), Math.abs(y)) : null;
    found.rows.push({ what: path, a: text(x), b: text(y), difference });
  }
  return finish('records', found);
}

type Place = 'adapter' | 'weights' | 'record';

function placeOf(path: string): Place {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isDirectory()) return isAdapterFolder(path) ? 'adapter' : 'weights';
  return /\.(safetensors|gguf)(\.gz)?$/.test(path) ? 'weights' : 'record';
}

function openPlace(path: string): WeightFile {
  if (!existsSync(path)) throw new UserError(`${path}: no such file or folder; check the path`);
  if (path.endsWith('.gguf')) return openGguf(path);
  if (!statSync(path).isDirectory()) return openSafetensors(path);
  const whole = join(path, 'model.safetensors');
  if (existsSync(whole)) return openSafetensors(whole);
  if (existsSync(`${whole}.index.json`)) return openShardedSafetensors(`${whole}.index.json`);
  throw new UserError(`${path} holds neither an adapter nor a model (model.safetensors)`);
}

const KINDS: Readonly<Record<Place, string>> = {
  adapter: 'a PEFT adapter',
  weights: 'a model or file of weights',
  record: 'a record of a run',
};

/**
 * Compares two adapters (folders), two models (folders, .safetensors, .gguf) or two records (ids or files).
 * @throws UserError when they are not of one kind, or cannot be read.
 */
export function diffPlaces(a: string, b: string): Diff {
  const [left, right] = [placeOf(a), placeOf(b)];
  if (left !== right)
    throw new UserError(`${a} is ${KINDS[left]} and ${b} is ${KINDS[right]}: compare two of one kind`);
  if (left === 'adapter') return diffAdapters(a, b);
  if (left === 'record') return diffRecords(recordNamed(a), recordNamed(b));
  const one = openPlace(a);
  try {
    const other = openPlace(b);
    try {
      return diffWeights(one, other);
    } finally {
      other.close();
    }
  } finally {
    one.close();
  }
}
