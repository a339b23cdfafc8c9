/** GoRA (He et al. 2025): gradient-driven ranks and start, base weights untouched. */
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../../errors';
import type { LinearLayer, Model } from '../../models/model';
import { param } from '../../models/params';
import { Random } from '../../tensor/random';
import { checkRank, LoraAdapters, type LoraStart } from '../lora-adapters';
import type { Evidence, Method } from '../method';
import { chooseGamma, convergenceWatch } from './adaptive';
import { adapterParameters, advantages, allocateRanks } from './allocation';
import { measureImportance } from './importance';
import { type GoraOptions, goraOptions, rankBounds } from './options';
import { readRanks } from './ranks-file';
import { compress, startA, stepFactor } from './start';

type GradientOf = (layer: LinearLayer) => Float32Array;

function gradientsOf(evidence: Evidence): GradientOf {
  return (layer) => {
    const gradient = evidence.gradients?.get(layer.name);
    if (!gradient) throw new UserError(`GoRA needs the mean gradient of ${layer.name}, and none was estimated`);
    return gradient;
  };
}

/** Where GoRA puts its ranks. */
export interface Allocation {
  /** One a target, in their order; 0: no adapter. */
  readonly ranks: readonly number[];
  /** By layer; for pairs of scores the share of the budget. */
  readonly importances: ReadonlyMap<string, number>;
}

/**
 * Ranks and importances of the targets (§3.2), from their mean gradients.
 * @throws UserError when a gradient is missing.
 */
export function goraRanks(
  model: Model,
  targets: readonly LinearLayer[],
  evidence: Evidence,
  o: GoraOptions,
  random: Random,
): Allocation {
  const gradientOf = gradientsOf(evidence);
  const bounds = rankBounds(o);
  const scores = measureImportance(model, targets, gradientOf, o, bounds.maxRank, random);
  const shares = advantages(scores, o);
  const importances = new Map(targets.map((layer, i) => [layer.name, numberOf(scores[i]) ?? shares[i]]));
  if (o.ranksFrom) return { ranks: readRanks(o.ranksFrom, targets), importances };
  if (o.allocation === 'uniform') return { ranks: targets.map(() => o.rank), importances };
  return { ranks: allocateRanks(targets, scores, { ...o, ...bounds }), importances };
}

const numberOf = (score: unknown) => (typeof score === 'number' ? score : undefined);

/** s: α/√r or α/r, with the layer's own rank or the reference rank. */
function scaleOf(o: GoraOptions, rank: number): number {
  const counted = o.ownScale ? rank : o.rank;
  return o.alpha / (o.rankStabilised ? Math.sqrt(counted) : counted);
}

interface Start extends LoraStart {
  /** B for γ = 1, [out, r]. */
  readonly unit: Float32Array;
  readonly error: number;
}

function startOf(
  model: Model,
  layer: LinearLayer,
  rank: number,
  gradientOf: GradientOf,
  o: GoraOptions,
  random: Random,
) {
  checkRank(layer, rank);
  const scale = scaleOf(o, rank);
  const gradient = () => gradientOf(layer);
  const weight = () => param(model, layer.weight).dataSync() as Float32Array;
  const a = startA(o.initA, layer, rank, weight, gradient, random.fork(layer.name));
  const zero = { layer, rank, scale, a, b: new Float32Array(layer.out * rank) };
  if (o.start === 'zero') return { ...zero, unit: zero.b, error: 1 };
  const { b, error } = compress(gradient(), a, layer, rank);
  const factor = o.startScale === 'step' ? stepFactor(1, layer.in, rank, scale) : 1 / o.alpha;
  return { ...zero, unit: Float32Array.from(b, (v) => -factor * v), error };
}

/** Sets every B to γ·(its value at γ = 1). */
function setGamma(adapters: LoraAdapters, starts: readonly Start[], gamma: number): void {
  const values = new Map(adapters.trainable.map(({ name, value }) => [name, value]));
  for (const { layer, rank, unit } of starts) {
    tf.tidy(() => values.get(`${layer.name}.lora_B`)?.assign(tf.mul(tf.tensor2d(unit, [layer.out, rank]), gamma)));
  }
}

/** γ that lowers the loss of the first batch most. */
function adaptGamma(adapters: LoraAdapters, starts: readonly Start[], evidence: Evidence) {
  const { probeLoss } = evidence;
  if (!probeLoss) throw new UserError('adaptiveGamma needs the loss on a training batch, and no batch was given');
  const choice = chooseGamma((gamma) => {
    setGamma(adapters, starts, gamma);
    return probeLoss(adapters.net);
  });
  setGamma(adapters, starts, choice.gamma);
  return { gamma: choice.gamma, probeLoss: choice.loss, probeLossAtZero: choice.base };
}

/**
 * Ranks are allocated within a layer's size, so one that is too large would not show: every layer would end at its
 * size, with an adapter that is larger than the layer.
 * @throws UserError when the reference or the least rank does not fit, or the file of ranks is none for these layers.
 */
export function checkGora(targets: readonly LinearLayer[], o: GoraOptions): void {
  const { minRank } = rankBounds(o);
  const own = o.ranksFrom ? readRanks(o.ranksFrom, targets) : null;
  if (own?.every((rank) => rank === 0)) throw new UserError(`ranksFrom ${o.ranksFrom}: every layer got rank 0`);
  for (const [i, layer] of targets.entries()) {
    if (own && own[i] > 0) checkRank(layer, own[i], `ranksFrom ${o.ranksFrom}: rank`);
    if (own) continue;
    checkRank(layer, o.rank);
    if (minRank > 0) checkRank(layer, minRank, 'minRank');
  }
}

export function attachGora(
  method: string,
  model: Model,
  targets: readonly LinearLayer[],
  evidence: Evidence,
  o: GoraOptions,
  random: Random,
): LoraAdapters {
  checkGora(targets, o);
  const gradientOf = gradientsOf(evidence);
  const { ranks, importances } = goraRanks(model, targets, evidence, o, random);
  const starts = targets.flatMap((layer, i) =>
    ranks[i] > 0 ? [startOf(model, layer, ranks[i], gradientOf, o, random)] : [],
  );
  if (starts.length === 0) throw new UserError('every layer got rank 0: raise minRank or rank');
  const uniform = targets.map(() => o.rank);
  const notes: Record<string, unknown> = {
    ...rankBounds(o),
    budget: adapterParameters(targets, uniform),
    spent: adapterParameters(targets, ranks),
    batches: evidence.gradientBatches,
    layersWithoutAdapter: targets.length - starts.length,
  };
  const adapters = new LoraAdapters(model, starts, { method, importances, notes, rankStabilised: o.rankStabilised });
  if (o.start === 'zero') return adapters;
  notes.compressionError = starts.reduce((sum, start) => sum + start.error, 0) / starts.length;
  try {
    if (o.adaptiveGamma) Object.assign(notes, adaptGamma(adapters, starts, evidence));
    else {
      setGamma(adapters, starts, o.gamma);
      notes.gamma = o.gamma;
    }
  } catch (error) {
    adapters.dispose();
    throw error;
  }
  return adapters;
}

/** The rule of adaptive N, or undefined when N is fixed. */
export function watchGora(model: Model, targets: readonly LinearLayer[], o: GoraOptions) {
  if (!o.adaptiveBatches) return undefined;
  return convergenceWatch(model, targets, o, rankBounds(o).maxRank, new Random(0, 'watch'));
}

export const gora: Method<GoraOptions> = {
  name: 'gora',
  title: 'GoRA',
  reference: 'He et al. 2025, algorithm 1',
  needs: ['gradients'],
  options: goraOptions,
  check: checkGora,
  watchGradients: watchGora,
  attach: (model, targets, evidence, o, random) => attachGora('gora', model, targets, evidence, o, random),
};
