/**
 * KWT-1's front end: 30 ms windows every 10 ms, magnitude spectrum, mel filters, log, DCT. The matrices come
 * with the checkpoint (`frontend.*`), so features equal those the model was trained on.
 */
import { UserError } from '../errors';
import type { HostTensor } from '../formats/weights';

const HOP = 160;
const FRAMES = 98;
const FLOOR = 1e-12;

/** One second of 16 kHz audio to MFCCs [98, 40], row-major; shorter clips are padded with silence. */
export function mfcc(samples: Float32Array, frontend: ReadonlyMap<string, HostTensor>): Float32Array {
  const part = (name: string) => {
    const found = frontend.get(`frontend.${name}`);
    if (!found) throw new UserError(`the checkpoint has no front end: "frontend.${name}" is missing`);
    return found;
  };
  const [window, cosines, sines, mel, dct] = ['window', 'dft_a', 'dft_b', 'mel', 'dct'].map(part);
  const width = window.data.length;
  const times = (m: { shape: readonly number[]; data: Float32Array }, v: ArrayLike<number>) =>
    Float64Array.from({ length: m.shape[0] }, (_, i) => {
      let sum = 0;
      for (let j = 0; j < m.shape[1]; j++) sum += m.data[i * m.shape[1] + j] * v[j];
      return sum;
    });
  const features = new Float32Array(FRAMES * dct.shape[0]);
  for (let frame = 0; frame < FRAMES; frame++) {
    const piece = Float64Array.from({ length: width }, (_, i) => (samples[frame * HOP + i] ?? 0) * window.data[i]);
    const [re, im] = [times(cosines, piece), times(sines, piece)];
    const energies = times(
      mel,
      re.map((v, i) => Math.hypot(v, im[i])),
    );
    features.set(
      times(
        dct,
        energies.map((v) => Math.log(Math.max(v, FLOOR))),
      ),
      frame * dct.shape[0],
    );
  }
  return features;
}
