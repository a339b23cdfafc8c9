/**
 * GoRA's start: A at random, B the gradient compressed onto A's row space (paper §3.3, eq. 9–12).
 *
 *   B = −ξ·G·Aᵀ(A·Aᵀ)⁻¹,  ξ = γ·√in / α,  so with s = α/√r   ΔW₀ = s·B·A = −γ·√(in/r)·G·P,  P = Aᵀ(A·Aᵀ)⁻¹A,
 * and ‖ΔW₀‖ ≈ γ‖G‖: one compressed gradient step of size γ, whatever α and A's scale.
 * The minus is the paper's; a later version of the authors' code lost it.
 */
import { gram, solveRight } from '../../tensor/linalg';

/** G·Aᵀ(A·Aᵀ)⁻¹, the least-squares solution of min ‖B·A − G‖. gradient [out, in], a [r, in] → [out, r]. */
export function compress(gradient: Float32Array, a: Float32Array, out: number, fanIn: number, rank: number) {
  const projected = new Float64Array(out * rank);
  for (let i = 0; i < out; i++) {
    for (let k = 0; k < rank; k++) {
      let sum = 0;
      for (let j = 0; j < fanIn; j++) sum += gradient[i * fanIn + j] * a[k * fanIn + j];
      projected[i * rank + k] = sum;
    }
  }
  return solveRight(projected, gram(a, rank, fanIn), out, rank);
}

/** ξ = γ√in/α for the scale α/√r; for another scale the factor that keeps ‖ΔW₀‖ ≈ γ‖G‖. */
export function stepFactor(gamma: number, fanIn: number, rank: number, scale: number): number {
  return (gamma * Math.sqrt(fanIn / rank)) / scale;
}

/** B₀ [out, rank] for a layer. */
export function startB(
  gradient: Float32Array,
  a: Float32Array,
  shape: { out: number; in: number },
  rank: number,
  scale: number,
  gamma: number,
): Float32Array {
  const factor = -stepFactor(gamma, shape.in, rank, scale);
  return Float32Array.from(compress(gradient, a, shape.out, shape.in, rank), (v) => factor * v);
}

/** ‖B·A − G‖_F / ‖G‖_F: what the compression loses. b here is the unscaled `compress` result. */
export function compressionError(gradient: Float32Array, a: Float32Array, b: Float64Array, rank: number): number {
  const fanIn = a.length / rank;
  const out = gradient.length / fanIn;
  let lost = 0;
  let all = 0;
  for (let i = 0; i < out; i++) {
    for (let j = 0; j < fanIn; j++) {
      let v = -gradient[i * fanIn + j];
      for (let k = 0; k < rank; k++) v += b[i * rank + k] * a[k * fanIn + j];
      lost += v * v;
      all += gradient[i * fanIn + j] ** 2;
    }
  }
  return all > 0 ? Math.sqrt(lost / all) : 0;
}
