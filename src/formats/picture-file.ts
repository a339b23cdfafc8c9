/**
 * Picture files (PNG, JPEG, WebP) as RGB pixels, as Pillow reads them for transformers: turned upright by their EXIF
 * mark, transparency over white, grey and palettes to RGB, colour profiles not applied. Decoded by sharp (libvips).
 */
import { messageOf, UserError } from '../errors';

/** Pixels row by row, red, green and blue beside each other, a byte each. */
export interface RgbPicture {
  readonly width: number;
  readonly height: number;
  /** [height, width, 3] */
  readonly data: Uint8Array;
}

/** Endings of the picture files that are read. */
export const pictureEndings: readonly string[] = ['.png', '.jpg', '.jpeg', '.webp'];

/** More pixels than any camera's picture has; a small hostile file can claim billions. */
const MAX_PIXELS = 200_000_000;

const startsWith = (bytes: Uint8Array, at: number, text: string) =>
  Buffer.from(bytes.subarray(at, at + text.length)).toString('latin1') === text;

/** The kind by the first bytes, whatever the name says; null for others, which are not given to the decoder. */
function kindOf(bytes: Uint8Array): string | null {
  if (startsWith(bytes, 0, '\x89PNG\r\n\x1a\n')) return 'PNG';
  if (startsWith(bytes, 0, '\xff\xd8\xff')) return 'JPEG';
  return startsWith(bytes, 0, 'RIFF') && startsWith(bytes, 8, 'WEBP') ? 'WebP' : null;
}

/** x / 255 in integers as Pillow has it, for x below 2¹⁶ and its multiples. */
const overByte = (x: number) => ((x >> 8) + x) >> 8;

/** Bits behind the point in Pillow's alpha compositing. */
const BITS = 7;

/** A channel over white: Pillow's `alpha_composite`, to the bit. */
function overWhite(value: number, alpha: number): number {
  if (alpha === 0) return 255;
  const source = Math.floor((alpha * 255 * 255 * (1 << BITS)) / (alpha * 255 + 255 * (255 - alpha)));
  const sum = value * source + 255 * (255 * (1 << BITS) - source);
  return overByte(sum + (0x80 << BITS)) >> BITS;
}

/** One to four channels (grey, grey and alpha, RGB, RGBA) to RGB. */
function toRgb(data: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return data;
  const grey = channels < 3;
  const clear = channels === 2 || channels === 4;
  const rgb = new Uint8Array((data.length / channels) * 3);
  for (let from = 0, to = 0; from < data.length; from += channels) {
    const alpha = clear ? data[from + channels - 1] : 255;
    for (let c = 0; c < 3; c++) {
      const value = data[grey ? from : from + c];
      rgb[to++] = clear ? overWhite(value, alpha) : value;
    }
  }
  return rgb;
}

/**
 * Decodes a picture.
 * @param source name of the file for error messages.
 * @throws UserError when it is no PNG, JPEG or WebP, is damaged or cut off, or has more than 200 million pixels.
 */
export async function decodePicture(bytes: Uint8Array, source: string): Promise<RgbPicture> {
  const kind = kindOf(bytes);
  if (kind === null) {
    const what = bytes.length === 0 ? 'is empty' : 'is no PNG, JPEG or WebP file';
    throw new UserError(`${source} ${what}; replace or remove it`);
  }
  const { default: sharp } = await import('sharp');
  try {
    const { data, info } = await sharp(bytes, { failOn: 'error', limitInputPixels: MAX_PIXELS, ignoreIcc: true })
      .autoOrient()
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, data: toRgb(data, info.channels) };
  } catch (error) {
    const why = messageOf(error).split('\n')[0];
    throw new UserError(`${source} cannot be read as ${kind}: ${why}; replace or remove it`, { cause: error });
  }
}
