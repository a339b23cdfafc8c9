/**
 * What a vision model's `preprocessor_config.json` asks for, done as transformers' Pillow processors do it: resize,
 * crop the centre, rescale, normalise. Known are the processors of ViT, DeiT, CLIP and DINOv2 (BiT's); any other, and
 * any option that would change values in a way that is not known here, is refused by name.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, UserError } from '../errors';
import type { RgbPicture } from '../formats/picture-file';
import { readText } from '../formats/read';
import { listed } from './names';
import { type Filter, resizePicture } from './picture-resample';

export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** What is done to a picture, in this order; null leaves a step out. */
export interface PictureProcessor {
  /** To a size, or so that the shorter edge has a length and the picture its shape. */
  readonly resize: PictureSize | { readonly shortestEdge: number } | null;
  readonly filter: Filter;
  /** The middle; black is added where the picture is smaller. */
  readonly crop: PictureSize | null;
  /** Factor of the bytes, usually 1/255. */
  readonly rescale: number | null;
  /** By channel, after rescaling: (value − mean) / std. */
  readonly normalise: { readonly mean: readonly number[]; readonly std: readonly number[] } | null;
}

type Config = Readonly<Record<string, unknown>>;

const HALVES = [0.5, 0.5, 0.5];
const IMAGENET = { image_mean: [0.485, 0.456, 0.406], image_std: [0.229, 0.224, 0.225] };
const OPENAI = {
  image_mean: [0.48145466, 0.4578275, 0.40821073],
  image_std: [0.26862954, 0.26130258, 0.27577711],
};
const square = (length: number) => ({ height: length, width: length });

const COMMON: Config = { do_resize: true, do_rescale: true, rescale_factor: 1 / 255, do_normalize: true };
const VIT: Config = { ...COMMON, size: square(224), resample: 2, image_mean: HALVES, image_std: HALVES };
const DEIT: Config = { ...VIT, size: square(256), resample: 3, do_center_crop: true, crop_size: square(224) };
const CLIP: Config = { ...DEIT, ...OPENAI, size: { shortest_edge: 224 } };

/** What transformers' classes do unless the file says otherwise. */
const CLASSES: Readonly<Record<string, Config>> = { ViT: VIT, DeiT: DEIT, CLIP, Bit: CLIP };

/** Processors whose size, given as one number, is the shorter edge; elsewhere it is a square. */
const SHORTER_EDGE: readonly string[] = ['CLIP', 'Bit'];

/** The files that come with the models of these types. */
const MODELS: Readonly<Record<string, Config>> = {
  vit: VIT,
  deit: { ...DEIT, ...IMAGENET },
  clip: CLIP,
  clip_vision_model: CLIP,
  dinov2: { ...CLIP, ...IMAGENET, size: { shortest_edge: 256 } },
};

const KNOWN = [
  ...['do_resize', 'size', 'resample', 'do_center_crop', 'crop_size', 'do_rescale', 'rescale_factor'],
  ...['do_normalize', 'image_mean', 'image_std', 'image_processor_type', 'feature_extractor_type'],
  // do not change the values of RGB pictures
  ...['do_convert_rgb', 'default_to_square', 'processor_class', '_valid_processor_keys', 'data_format'],
  ...['input_data_format', 'return_tensors', 'device', 'disable_grouping'],
];

/** Pillow's numbers of the filters. */
const FILTERS: ReadonlyMap<unknown, Filter> = new Map([
  [1, 'lanczos'],
  [2, 'bilinear'],
  [3, 'bicubic'],
]);

const isRecord = (value: unknown): value is Config =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Longest side that is asked for. */
const MAX_SIDE = 8192;

/**
 * The processor that a configuration describes.
 * @param config contents of a `preprocessor_config.json`; null when the model has none.
 * @param modelType `model_type` of the model's `config.json`: its usual processor stands in for a missing file.
 * @param source name of the file for error messages.
 * @throws UserError naming a processor, option or value that is not known here.
 */
export function pictureProcessor(
  config: unknown,
  modelType?: string,
  source = 'preprocessor_config.json',
): PictureProcessor {
  const bad = (what: string) => new UserError(`${source}: ${what}`);
  if (config === null) {
    const usual = MODELS[modelType ?? 'vit'];
    if (usual && Object.hasOwn(MODELS, modelType ?? 'vit')) return fromConfig(usual, 'ViT', bad);
    throw bad(`is missing, and no usual processor is known for the model type "${modelType}"; put the file there`);
  }
  if (!isRecord(config)) throw bad('is no JSON object');
  const type = config.image_processor_type ?? config.feature_extractor_type;
  const name =
    typeof type === 'string' ? /^(\w+?)(?:ImageProcessor(?:Fast|Pil)?|FeatureExtractor)$/.exec(type)?.[1] : null;
  if (type !== undefined && type !== null && (!name || !Object.hasOwn(CLASSES, name))) {
    const known = Object.keys(CLASSES).map((one) => `${one}ImageProcessor`);
    throw bad(`image_processor_type ${JSON.stringify(type)} is not known; known are ${listed(known)}`);
  }
  // what is null or false does nothing
  const other = Object.keys(config).find(
    (key) => !KNOWN.includes(key) && config[key] !== null && config[key] !== false,
  );
  if (other !== undefined) throw bad(`the option "${other}" is not known here and may change the pictures`);
  const given = Object.fromEntries(Object.entries(config).filter(([, value]) => value !== null));
  return fromConfig({ ...CLASSES[name ?? 'ViT'], ...given }, name ?? 'ViT', bad);
}

function fromConfig(config: Config, name: string, bad: (what: string) => UserError): PictureProcessor {
  const flag = (key: string): boolean => {
    const value = config[key] ?? false;
    if (typeof value === 'boolean') return value;
    throw bad(`${key} must be true or false, not ${JSON.stringify(value)}`);
  };
  const side = (value: unknown, key: string): number => {
    if (Number.isInteger(value) && Number(value) > 0 && Number(value) <= MAX_SIDE) return Number(value);
    throw bad(`${key} must be an integer between 1 and ${MAX_SIDE}, not ${JSON.stringify(value)}`);
  };
  const numbers = (key: string): number[] => {
    const value = config[key];
    const list = typeof value === 'number' ? [value, value, value] : value;
    if (Array.isArray(list) && list.length === 3 && list.every(Number.isFinite)) return list;
    throw bad(`${key} must be three numbers, not ${JSON.stringify(value)}`);
  };
  const sizeOf = (key: string): PictureSize | { shortestEdge: number } => {
    const value = config[key];
    if (!isRecord(value)) {
      const length = side(value, key);
      return key === 'size' && SHORTER_EDGE.includes(name) ? { shortestEdge: length } : square(length);
    }
    const keys = Object.keys(value)
      .filter((one) => value[one] !== null)
      .sort()
      .join();
    if (keys === 'height,width') {
      return { width: side(value.width, `${key}.width`), height: side(value.height, `${key}.height`) };
    }
    if (keys === 'shortest_edge') return { shortestEdge: side(value.shortest_edge, `${key}.shortest_edge`) };
    throw bad(`${key} must have height and width, or shortest_edge, not ${JSON.stringify(value)}`);
  };
  const cropOf = (): PictureSize => {
    const size = sizeOf('crop_size');
    if ('width' in size) return size;
    throw bad('crop_size must have height and width, not shortest_edge');
  };
  const resize = flag('do_resize') ? sizeOf('size') : null;
  const filter = FILTERS.get(config.resample);
  if (resize && filter === undefined) {
    throw bad(
      `resample ${JSON.stringify(config.resample)} is not known; known are 2 (bilinear), 3 (bicubic), 1 (Lanczos)`,
    );
  }
  const factor = config.rescale_factor;
  if (flag('do_rescale') && !(typeof factor === 'number' && Number.isFinite(factor))) {
    throw bad(`rescale_factor must be a number, not ${JSON.stringify(factor)}`);
  }
  const normalise = flag('do_normalize') ? { mean: numbers('image_mean'), std: numbers('image_std') } : null;
  if (normalise?.std.some((value) => value === 0)) throw bad('image_std must not be 0');
  return {
    resize,
    filter: filter ?? 'bilinear',
    crop: flag('do_center_crop') ? cropOf() : null,
    rescale: flag('do_rescale') ? Number(factor) : null,
    normalise,
  };
}

/**
 * The processor of a model's folder: its `preprocessor_config.json`, or the model type's usual one.
 * @throws UserError as `pictureProcessor`, and when the file is not JSON.
 */
export function readPictureProcessor(folder: string, modelType?: string): PictureProcessor {
  const path = join(folder, 'preprocessor_config.json');
  if (!existsSync(path)) return pictureProcessor(null, modelType, path);
  let config: unknown;
  try {
    config = JSON.parse(readText(path, 'preprocessor configuration'));
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${path} is not JSON: ${messageOf(error)}`, { cause: error });
  }
  return pictureProcessor(config ?? {}, modelType, path);
}

/**
 * The same processor for another size of the model's input, e.g. 112: a crop becomes this square and the size before it
 * changes in proportion; without a crop the picture is resized to the square.
 * @throws UserError on a size that is no integer between 1 and 8192.
 */
export function withPictureSize(processor: PictureProcessor, length: number): PictureProcessor {
  if (!(Number.isInteger(length) && length > 0 && length <= MAX_SIDE)) {
    throw new UserError(`the size of pictures must be an integer between 1 and ${MAX_SIDE}, not ${length}`);
  }
  const { resize, crop } = processor;
  if (crop === null || resize === null) return { ...processor, resize: square(length), crop: null };
  const scaled = (side: number, whole: number) => Math.max(length, Math.round((side * length) / whole));
  const larger =
    'shortestEdge' in resize
      ? { shortestEdge: scaled(resize.shortestEdge, Math.min(crop.width, crop.height)) }
      : { width: scaled(resize.width, crop.width), height: scaled(resize.height, crop.height) };
  return { ...processor, resize: larger, crop: square(length) };
}

/** The size of the result; null when it depends on the picture. */
export function outputSize({ resize, crop }: PictureProcessor): PictureSize | null {
  if (crop) return crop;
  return resize && 'width' in resize ? resize : null;
}

/** The middle of a picture; where it is smaller, black around it. Places are rounded as transformers does. */
function cropCentre(picture: RgbPicture, { width, height }: PictureSize): RgbPicture {
  if (picture.width === width && picture.height === height) return picture;
  const start = (have: number, want: number) => Math.floor((have - want) / 2);
  const data = new Uint8Array(width * height * 3);
  const [left, top] = [start(picture.width, width), start(picture.height, height)];
  const from = Math.max(0, left);
  const to = Math.min(picture.width, left + width);
  for (let y = Math.max(0, top); y < Math.min(picture.height, top + height); y++) {
    const row = picture.data.subarray((y * picture.width + from) * 3, (y * picture.width + to) * 3);
    data.set(row, ((y - top) * width + from - left) * 3);
  }
  return { width, height, data };
}

/**
 * Resizes and crops; what is left to do is `pixelsOf`.
 * @param source name of the picture for error messages.
 * @throws UserError when a picture is so narrow that its longer edge would not fit the memory.
 */
export function fitPicture(
  picture: RgbPicture,
  { resize, filter, crop }: PictureProcessor,
  source = 'the picture',
): RgbPicture {
  let fitted = picture;
  if (resize && 'shortestEdge' in resize) {
    const { width, height } = picture;
    const short = resize.shortestEdge;
    const long = Math.floor((short * Math.max(width, height)) / Math.min(width, height));
    if (long > 16 * MAX_SIDE)
      throw new UserError(`${source}: ${width} x ${height} is too narrow to resize its shorter edge to ${short}`);
    fitted =
      width <= height ? resizePicture(picture, short, long, filter) : resizePicture(picture, long, short, filter);
  } else if (resize) fitted = resizePicture(picture, resize.width, resize.height, filter);
  return crop ? cropCentre(fitted, crop) : fitted;
}

/** What each byte becomes, by channel: every step after resizing is a function of one byte, in float32. */
function tables({ rescale, normalise }: PictureProcessor): Float32Array[] {
  const bytes = Array.from({ length: 256 }, (_, byte) => (rescale === null ? byte : Math.fround(byte * rescale)));
  return [0, 1, 2].map((c) => {
    if (normalise === null) return Float32Array.from(bytes);
    const [mean, std] = [Math.fround(normalise.mean[c]), Math.fround(normalise.std[c])];
    return Float32Array.from(bytes, (value) => Math.fround(value - mean) / std);
  });
}

/** Rescales and normalises a fitted picture to float32 [3, height, width]. */
export function pixelsOf(picture: RgbPicture, processor: PictureProcessor): Float32Array {
  return pixelReader(processor)(picture);
}

/** As `pixelsOf`, its tables made once for many pictures. */
export function pixelReader(processor: PictureProcessor): (picture: RgbPicture) => Float32Array {
  const byChannel = tables(processor);
  return ({ width, height, data }) => {
    const plane = width * height;
    const pixels = new Float32Array(3 * plane);
    for (let c = 0; c < 3; c++) {
      const table = byChannel[c];
      for (let i = 0; i < plane; i++) pixels[c * plane + i] = table[data[i * 3 + c]];
    }
    return pixels;
  };
}

/** A picture to the model's input, float32 [3, height, width]. */
export function processPicture(picture: RgbPicture, processor: PictureProcessor): Float32Array {
  return pixelsOf(fitPicture(picture, processor), processor);
}
