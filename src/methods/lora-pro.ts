/**
 * LoRA-Pro (Wang et al. 2024, theorems 2.1–2.3): LoRA whose gradients are replaced, before the optimiser, by those
 * whose step of B·A comes closest to the step of full fine-tuning:
 *
 *   g_A = (1/s²)(BᵀB)⁻¹∇A + X·A
 *   g_B = (1/s²)(I − B(BᵀB)⁻¹Bᵀ)∇B(AAᵀ)⁻¹ − B·X,   BᵀB·X + X·AAᵀ = −(1/s²)(BᵀB)⁻¹∇A·Aᵀ
 *
 * All r × r work is float64 on the host; BᵀB and AAᵀ take the authors' ridge 10⁻⁸ (B = 0 at the init).
 */

import type { Tensor } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import type { LinearLayer } from '../models/model';
import { gram, type HostMatrix, matMul, solveRight, symmetricEigen, transpose } from '../tensor/linalg';
import { LoraAdapters } from './forms/lora';
import { checkSameRank, loraInit } from './init';
import { defineMethod } from './method';
import { alphaOption, rankOption } from './options';

const RIDGE = 1e-8;

type Numbers = Float32Array | Float64Array;

/** M + δI. [r, r] */
function ridged(m: Float64Array, r: number): Float64Array {
  const result = Float64Array.from(m);
  for (let i = 0; i < r; i++) result[i * r + i] += RIDGE;
  return result;
}

/** X of P·X + X·Q = C for symmetric P, Q ⪰ 0 [r, r]: elementwise in their eigenbases. */
export function solveSylvester(p: Float64Array, q: Float64Array, c: Float64Array, r: number): Float64Array {
  const left = symmetricEigen(p, r);
  const right = symmetricEigen(q, r);
  const turn = (m: HostMatrix) => transpose(m.data, r, r);
  const inside = matMul(matMul(turn(left.vectors), c, r, r, r), right.vectors.data, r, r, r);
  for (let i = 0; i < r; i++) for (let j = 0; j < r; j++) inside[i * r + j] /= left.values[i] + right.values[j];
  return matMul(matMul(left.vectors.data, inside, r, r, r), turn(right.vectors), r, r, r);
}

/**
 * The equivalent gradients of one layer.
 * @param a A [r, in]. @param b B [out, r]. @param gA ∇A [r, in]. @param gB ∇B [out, r].
 */
export function equivalentGradients(
  a: Numbers,
  b: Numbers,
  gA: Numbers,
  gB: Numbers,
  shape: { rank: number; in: number; out: number; scale: number },
): { a: Float64Array; b: Float64Array } {
  const { rank: r, in: n, out: m } = shape;
  const perSquare = 1 / shape.scale ** 2;
  const aat = gram(a, r, n);
  const btb = gram(transpose(b, m, r), r, m);
  // (BᵀB)⁻¹∇A through the symmetric right solve: its transpose is ∇Aᵀ(BᵀB)⁻¹
  const solved = transpose(solveRight(transpose(gA, r, n), ridged(btb, r), n, r), n, r);
  const first = solved.map((value) => perSquare * value);
  const towards = matMul(first, transpose(a, r, n), r, n, r).map((value) => -value);
  const x = solveSylvester(btb, aat, towards, r);
  const xa = matMul(x, a, r, r, n);
  const bx = matMul(b, x, m, r, r);
  const inner = matMul(transpose(b, m, r), gB, r, m, r); // Bᵀ∇B
  const along = transpose(solveRight(transpose(inner, r, r), ridged(btb, r), r, r), r, r);
  const projection = matMul(b, along, m, r, r);
  const outside = Float64Array.from(gB, (value, i) => value - projection[i]);
  const second = solveRight(outside, ridged(aat, r), m, r);
  return {
    a: first.map((value, i) => value + xa[i]),
    b: second.map((value, i) => perSquare * value - bx[i]),
  };
}

class LoraProAdapters extends LoraAdapters {
  rewriteGradients(gradients: Record<string, Tensor>): Record<string, Tensor> {
    const rewritten = { ...gradients };
    for (const layer of this.targets) this.rewrite(layer, rewritten);
    return rewritten;
  }

  private rewrite(layer: LinearLayer, gradients: Record<string, Tensor>): void {
    const { A, B, rank, scale } = this.of(layer);
    const [nameA, nameB] = [`${layer.name}.lora_A`, `${layer.name}.lora_B`];
    const [a, b, gA, gB] = [A, B, gradients[nameA], gradients[nameB]].map((t) => t.dataSync() as Float32Array);
    const equivalent = equivalentGradients(a, b, gA, gB, { rank, in: layer.in, out: layer.out, scale });
    gradients[nameA] = tf.tensor2d(Float32Array.from(equivalent.a), [rank, layer.in]);
    gradients[nameB] = tf.tensor2d(Float32Array.from(equivalent.b), [layer.out, rank]);
  }
}

const options = z.strictObject({ rank: rankOption, alpha: alphaOption });

export const loraPro = defineMethod({
  name: 'lora-pro',
  title: 'LoRA-Pro',
  reference: 'Wang et al. 2024, theorems 2.1–2.3',
  options,
  check: checkSameRank,
  init: ({ model, targets, random }, { rank, alpha }) =>
    new LoraProAdapters(model, loraInit(targets, rank, alpha / rank, random), { method: 'lora-pro' }),
});
