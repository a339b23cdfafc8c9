/** Rotary positions (Su et al. 2021) and the ways to stretch them to longer texts. */
import type { Tensor3D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { UserError } from '../errors';
import { count, only } from './config';

/** How the features of a head pair up: neighbours (llama2.c) or halves (Hugging Face). */
export type RotaryPairs = 'interleaved' | 'halves';

/** `rope_scaling`, or `rope_parameters` of transformers 5. */
export const ropeScaling = z.looseObject({
  rope_theta: z.number().positive().optional(),
  rope_type: z.string().optional(),
  /** Spelling before 2024. */
  type: z.string().optional(),
  factor: z.number().positive().optional(),
  low_freq_factor: z.number().positive().optional(),
  high_freq_factor: z.number().positive().optional(),
  original_max_position_embeddings: count.optional(),
  partial_rotary_factor: only(1, null),
});
export type RopeScaling = z.infer<typeof ropeScaling>;

/**
 * Positions a radian for each of `size / 2` pairs: pair i turns by position / period.
 * `linear` stretches all by `factor` (Chen et al. 2023); `llama3` the slow ones alone, with a smooth change in between
 * (Llama 3.1).
 * @throws UserError on a kind of scaling that is not known.
 */
export function rotaryPeriods(size: number, theta: number, scaling: RopeScaling | null, source: string): number[] {
  const plain = Array.from({ length: size / 2 }, (_, i) => theta ** ((2 * i) / size));
  const kind = scaling?.rope_type ?? scaling?.type ?? 'default';
  if (!scaling || kind === 'default') return plain;
  if (kind !== 'linear' && kind !== 'llama3') {
    throw new UserError(
      `${source}: rope_scaling: type "${kind}" changes the computation and is not supported; default, linear and llama3 are`,
    );
  }
  const need = (key: keyof RopeScaling): number => {
    const value = scaling[key];
    if (typeof value === 'number') return value;
    throw new UserError(`${source}: rope_scaling: type "${kind}" needs the number ${String(key)}`);
  };
  const factor = need('factor');
  if (kind === 'linear') return plain.map((period) => period * factor);
  const [low, high] = [need('low_freq_factor'), need('high_freq_factor')];
  const original = need('original_max_position_embeddings');
  return plain.map((period) => {
    const wavelength = 2 * Math.PI * period;
    if (wavelength < original / high) return period;
    if (wavelength > original / low) return period * factor;
    const smooth = (original / wavelength - low) / (high - low);
    return period / ((1 - smooth) / factor + smooth);
  });
}

/** Cosines and sines of the angles at positions `from` … `from + time − 1`: each [1, time, size/2]. */
export function rotaryTables(periods: readonly number[], time: number, from: number): { cos: Tensor3D; sin: Tensor3D } {
  const half = periods.length;
  const angle = Array.from({ length: time * half }, (_, i) => (from + Math.floor(i / half)) / periods[i % half]);
  return {
    cos: tf.tensor3d(Float32Array.from(angle, Math.cos), [1, time, half]),
    sin: tf.tensor3d(Float32Array.from(angle, Math.sin), [1, time, half]),
  };
}

/** Rotates pairs of features by their position's angle. x [bh, time, size]. */
export function rotate(x: Tensor3D, cos: Tensor3D, sin: Tensor3D, pairs: RotaryPairs): Tensor3D {
  const [n, time, size] = x.shape;
  const half = size / 2;
  const split = pairs === 'interleaved' ? tf.reshape(x, [n, time, half, 2]) : tf.reshape(x, [n, time, 2, half]);
  const axis = pairs === 'interleaved' ? 3 : 2;
  const [a, b] = tf.unstack(split, axis) as Tensor3D[];
  const turned = [tf.sub(tf.mul(a, cos), tf.mul(b, sin)), tf.add(tf.mul(a, sin), tf.mul(b, cos))];
  return tf.reshape(tf.stack(turned, axis), [n, time, size]);
}
