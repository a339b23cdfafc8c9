/** GoRA (He et al. 2025): gradient-driven ranks and init, base weights untouched. */
import { UserError } from '../../errors';
import type { AdaptedLayer } from '../../formats/peft-layer';
import type { LinearLayer, Model, Net } from '../../models/model';
import { param } from '../../models/params';
import { Random } from '../../tensor/random';
import { LoraAdapters } from '../forms/lora';
import type { GradientEvidence, GradientWatch } from '../gradients';
import { checkRank, initOf } from '../init';
import type { Measure } from '../measure';
import { defineMethod, type Site } from '../method';
import { chooseGamma, convergenceWatch } from './adaptive';
import { adapterParameters, advantages, allocateRanks } from './allocation';
import { measureImportance } from './importance';
import { compress, initA, stepFactor } from './init';
import { type GoraOptions, goraOptions, goraRecordNames, rankBounds } from './options';
import { readRanks } from './ranks-file';

type GradientOf = (layer: LinearLayer) => Float32Array;
type MeanGradients = Pick<GradientEvidence, 'gradients'>;

function gradientsOf({ gradients }: MeanGradients): GradientOf {
  return (layer) => {
    const gradient = gradients.get(layer.name);
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
  measured: MeanGradients,
  o: GoraOptions,
  random: Random,
): Allocation {
  const gradientOf = gradientsOf(measured);
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

/** The init of one layer as a function of γ. */
interface Init {
  /** A, and B = γ · (its value at γ = 1). */
  at(gamma: number): AdaptedLayer;
  /** What the compression of the gradient missed. */
  readonly error: number;
}

function initLayer(
  model: Model,
  layer: LinearLayer,
  rank: number,
  gradientOf: GradientOf,
  o: GoraOptions,
  random: Random,
): Init {
  checkRank(layer, rank);
  const scale = scaleOf(o, rank);
  const gradient = () => gradientOf(layer);
  const weight = () => param(model, layer.weight).dataSync() as Float32Array;
  const a = initA(o.initA, layer, rank, weight, gradient, random.fork(layer.name));
  if (o.init === 'zero') return { at: () => initOf(layer, rank, scale, a), error: 1 };
  const { b, error } = compress(gradient(), a, layer, rank);
  const factor = o.initScale === 'step' ? stepFactor(1, layer.in, rank, scale) : 1 / o.alpha;
  const unit = Float32Array.from(b, (v) => -factor * v);
  const at = (gamma: number) => {
    const single = Math.fround(gamma); // as a device would multiply
    return initOf(
      layer,
      rank,
      scale,
      a,
      unit.map((v) => v * single),
    );
  };
  return { at, error };
}

/** What GoRA measures: the mean gradients, and the loss on a batch where γ is to be chosen by it. */
export interface GoraMeasured extends GradientEvidence {
  readonly probe?: (net: Net) => number;
}

/** Mean gradients over N batches, or fewer where importances settle before (adaptive N). */
export function prepareGora(measure: Measure, o: GoraOptions, { model, targets }: Site): GoraMeasured {
  const measured = measure.gradients({ batches: o.gradientBatches, afterBatch: watchGora(model, targets, o) });
  return o.adaptiveGamma ? { ...measured, probe: measure.probe() } : measured;
}

/** γ that lowers the loss of the first batch most. */
function adaptGamma(probe: GoraMeasured['probe'], make: (gamma: number) => LoraAdapters) {
  if (!probe) throw new UserError('adaptiveGamma needs the loss on a training batch, and no batch was given');
  const { gamma, loss, base } = chooseGamma((gamma) => {
    const adapters = make(gamma);
    try {
      return probe(adapters.net);
    } finally {
      adapters.dispose();
    }
  });
  return { gamma, probeLoss: loss, probeLossAtZero: base };
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

/** Ranks, A, and B(γ). */
export function initGora(
  method: string,
  { model, targets, random }: Site,
  o: GoraOptions,
  measured: GoraMeasured,
): LoraAdapters {
  const gradientOf = gradientsOf(measured);
  const { ranks, importances } = goraRanks(model, targets, measured, o, random);
  const inits = targets.flatMap((layer, i) =>
    ranks[i] > 0 ? [initLayer(model, layer, ranks[i], gradientOf, o, random)] : [],
  );
  if (inits.length === 0) throw new UserError('every layer got rank 0: raise minRank or rank');
  const uniform = targets.map(() => o.rank);
  const notes: Record<string, unknown> = {
    ...rankBounds(o),
    budget: adapterParameters(targets, uniform),
    spent: adapterParameters(targets, ranks),
    batches: measured.gradientBatches,
    layersWithoutAdapter: targets.length - inits.length,
  };
  const make = (gamma: number) => {
    const layers = inits.map((init) => init.at(gamma));
    return new LoraAdapters(model, layers, { method, importances, notes, rankStabilised: o.rankStabilised });
  };
  if (o.init === 'zero') return make(0);
  notes.compressionError = inits.reduce((sum, { error }) => sum + error, 0) / inits.length;
  Object.assign(notes, o.adaptiveGamma ? adaptGamma(measured.probe, make) : { gamma: o.gamma });
  return make(notes.gamma as number);
}

/** The rule of adaptive N, or undefined when N is fixed. */
export function watchGora(model: Model, targets: readonly LinearLayer[], o: GoraOptions): GradientWatch | undefined {
  if (!o.adaptiveBatches) return undefined;
  return convergenceWatch(model, targets, o, rankBounds(o).maxRank, new Random(0, 'watch'));
}

export const gora = defineMethod({
  name: 'gora',
  title: 'GoRA',
  reference: 'He et al. 2025, algorithm 1',
  measures: 'gradients',
  options: goraOptions,
  recordNames: goraRecordNames,
  check: checkGora,
  prepare: prepareGora,
  init: (site, o, measured) => initGora('gora', site, o, measured),
});
