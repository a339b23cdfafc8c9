/** Inits that methods share: how A and B of a layer begin. */
import { UserError } from '../errors';
import type { AdaptedLayer } from '../formats/peft-layer';
import type { LinearLayer } from '../models/model';
import type { Random } from '../tensor/random';

/** @param what the option, for the message. @throws UserError when the rank does not fit the layer. */
export function checkRank(layer: LinearLayer, rank: number, what = 'rank'): void {
  const most = Math.min(layer.in, layer.out);
  if (!Number.isInteger(rank) || rank < 1 || rank > most) {
    throw new UserError(
      `${what} ${rank} does not fit ${layer.name} [${layer.out}, ${layer.in}]: choose an integer from 1 to ${most}, or exclude the layer with targets`,
    );
  }
}

/** The check of methods that give every layer the same rank. */
export const checkSameRank = (targets: readonly LinearLayer[], { rank }: { readonly rank: number }): void => {
  for (const layer of targets) checkRank(layer, rank);
};

/** The init of one layer. @param a A [rank, in]. @param b B [out, rank], default 0. */
export function initOf(
  layer: LinearLayer,
  rank: number,
  scale: number,
  a: Float32Array,
  b: Float32Array = new Float32Array(layer.out * rank),
): AdaptedLayer {
  const A = { shape: [rank, layer.in], data: a };
  return { name: layer.name, rank, scale, A, B: { shape: [layer.out, rank], data: b } };
}

/** The same init, whose product is taken off the base so that the function is unchanged at step 0. */
export const takenOffBase = (layer: AdaptedLayer): AdaptedLayer => ({ ...layer, init: { A: layer.A, B: layer.B } });

/** A ~ U(−1/√in, 1/√in): PyTorch's kaiming_uniform_(a=√5), LoRA's init. [rank, in] */
export function kaimingUniform(random: Random, rank: number, fanIn: number): Float32Array {
  const bound = 1 / Math.sqrt(fanIn);
  return random.uniforms(rank * fanIn, -bound, bound);
}

/** LoRA's own init on every target: A Kaiming-uniform, B = 0. */
export function loraInit(targets: readonly LinearLayer[], rank: number, scale: number, random: Random): AdaptedLayer[] {
  return targets.map((layer) => {
    checkRank(layer, rank);
    return initOf(layer, rank, scale, kaimingUniform(random.fork(layer.name), rank, layer.in));
  });
}
