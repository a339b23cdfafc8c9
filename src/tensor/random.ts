/**
 * Seeded random streams. tfjs's own generators treat seed 0 as "unseeded" and differ between
 * backends, so every random number of the kit comes from here, on the host.
 *
 * Generator: xoshiro128** (Blackman & Vigna 2018), seeded through splitmix32.
 */
import { UserError } from '../errors';

const rotl = (x: number, k: number) => (x << k) | (x >>> (32 - k));

/** A stream of random numbers that depends on nothing but its seed and name. */
export class Random {
  private readonly s = new Int32Array(4);
  private spare: number | null = null;

  /** @param seed any safe integer ≥ 0. @throws UserError otherwise. */
  constructor(
    readonly seed: number,
    readonly name = '',
  ) {
    if (!Number.isSafeInteger(seed) || seed < 0) throw new UserError(`seed must be an integer ≥ 0, not ${seed}`);
    let h = 0x811c9dc5 ^ (seed | 0) ^ Math.floor(seed / 2 ** 32);
    for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 0x01000193);
    for (let i = 0; i < 4; i++) {
      h = (h + 0x9e3779b9) | 0; // splitmix32
      let z = h;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      this.s[i] = z ^ (z >>> 16);
    }
  }

  /** An independent stream; the same name always gives the same stream, whatever was drawn before. */
  fork(name: string): Random {
    return new Random(this.seed, `${this.name}/${name}`);
  }

  private bits(): number {
    const s = this.s;
    const result = Math.imul(rotl(Math.imul(s[1], 5), 7), 9) >>> 0;
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 11);
    return result;
  }

  /** Uniform in [0, 1), 53 bits. */
  uniform(): number {
    return ((this.bits() >>> 5) * 67108864 + (this.bits() >>> 6)) / 9007199254740992;
  }

  /** Uniform integer in [0, n). */
  int(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** Standard normal (Box–Muller). */
  normal(): number {
    if (this.spare !== null) {
      const value = this.spare;
      this.spare = null;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** `size` draws of U(low, high). */
  uniforms(size: number, low = 0, high = 1): Float32Array {
    return Float32Array.from({ length: size }, () => low + (high - low) * this.uniform());
  }

  /** `size` draws of N(mean, std²). */
  normals(size: number, mean = 0, std = 1): Float32Array {
    return Float32Array.from({ length: size }, () => mean + std * this.normal());
  }

  /** One of the items. */
  pick<T>(items: readonly T[]): T {
    return items[this.int(items.length)];
  }

  /** 0 … n−1 in random order (Fisher–Yates). */
  permutation(n: number): number[] {
    const order = Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.int(i + 1);
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }
}
