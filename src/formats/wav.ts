/** Uncompressed 16-bit mono WAV files. */
import { UserError } from '../errors';
import { readBytes } from './read';

/** Samples in [−1, 1) and the rate in Hz. */
export interface Wav {
  readonly rate: number;
  readonly samples: Float32Array;
}

/** @throws UserError when the file is not 16-bit mono PCM, or is cut short. */
export function readWav(path: string): Wav {
  const bytes = Buffer.from(readBytes(path, 'WAV file'));
  const refuse = (why: string) => new UserError(`${path} is not a 16-bit mono PCM WAV file: ${why}`);
  if (bytes.length < 12 || bytes.toString('latin1', 0, 4) !== 'RIFF' || bytes.toString('latin1', 8, 12) !== 'WAVE') {
    throw refuse('no RIFF/WAVE header');
  }
  let rate = 0;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const kind = bytes.toString('latin1', at, at + 4);
    const size = bytes.readUInt32LE(at + 4);
    const body = at + 8;
    if (body + size > bytes.length) throw refuse(`chunk "${kind}" runs past the end`);
    if (kind === 'fmt ') {
      const [format, channels, bits] = [
        bytes.readUInt16LE(body),
        bytes.readUInt16LE(body + 2),
        bytes.readUInt16LE(body + 14),
      ];
      if (format !== 1 || channels !== 1 || bits !== 16)
        throw refuse(`format ${format}, ${channels} channels, ${bits} bits`);
      rate = bytes.readUInt32LE(body + 4);
    } else if (kind === 'data') {
      if (rate === 0) throw refuse('data before format');
      const samples = new Float32Array(size >> 1);
      for (let i = 0; i < samples.length; i++) samples[i] = bytes.readInt16LE(body + 2 * i) / 32768;
      return { rate, samples };
    }
    at = body + size + (size & 1);
  }
  throw refuse('no data chunk');
}
