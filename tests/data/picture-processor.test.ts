/** Image processors against transformers' own, and configurations that are refused. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  fitPicture,
  outputSize,
  pictureProcessor,
  processPicture,
  readPictureProcessor,
  withPictureSize,
} from '../../src/data/picture-processor';
import { resizePicture } from '../../src/data/picture-resample';
import { farthest, goldenPicture, pictureGolden } from '../support/pictures';
import { tempDir } from '../support/temp';

pictureGolden.processors.forEach(({ file, config, shape, pixels }, i) => {
  test(`${i}: ${config.image_processor_type} on ${file} to ${shape}, as transformers`, () => {
    const processor = pictureProcessor(config);
    const found = processPicture(goldenPicture(file), processor);
    const wanted = new Float32Array(new Uint8Array(Buffer.from(pixels, 'base64')).buffer);
    assert.equal(found.length, shape[0] * shape[1] * shape[2]);
    // one level of a byte is 4e-3 and more: not one pixel is rounded otherwise
    assert.ok(farthest(found, wanted) < 1e-6, `${farthest(found, wanted)}`);
    assert.deepEqual(outputSize(processor), { height: shape[1], width: shape[2] });
  });
});

test('a picture of its own size is not touched; one pixel may become many', () => {
  const picture = goldenPicture('rgb.png');
  assert.equal(resizePicture(picture, 37, 23, 'bicubic'), picture);
  const dot = { width: 1, height: 1, data: Uint8Array.of(10, 20, 30) };
  assert.deepEqual([...resizePicture(dot, 2, 2, 'lanczos').data], [10, 20, 30, 10, 20, 30, 10, 20, 30, 10, 20, 30]);
});

test('names of processors, old and new, and what they do unless told otherwise', () => {
  const of = (image_processor_type: string) => pictureProcessor({ image_processor_type });
  assert.deepEqual(of('ViTImageProcessor').resize, { height: 224, width: 224 });
  assert.equal(of('ViTImageProcessorFast').filter, 'bilinear');
  assert.deepEqual(pictureProcessor({ feature_extractor_type: 'ViTFeatureExtractor' }), of('ViTImageProcessor'));
  assert.deepEqual(pictureProcessor({}), of('ViTImageProcessor'));
  assert.deepEqual(of('DeiTImageProcessor').crop, { height: 224, width: 224 });
  assert.deepEqual(of('CLIPImageProcessor').resize, { shortestEdge: 224 });
  assert.equal(of('BitImageProcessor').normalise?.mean[0], 0.48145466);
  const clip = pictureProcessor({
    image_processor_type: 'CLIPImageProcessor',
    size: 30,
    crop_size: 20,
    do_normalize: false,
  });
  assert.deepEqual(clip, {
    resize: { shortestEdge: 30 },
    filter: 'bicubic',
    crop: { width: 20, height: 20 },
    rescale: 1 / 255,
    normalise: null,
  });
  assert.deepEqual(pictureProcessor({ size: 30 }).resize, { height: 30, width: 30 });
  assert.equal(pictureProcessor({ image_mean: 0.5, image_std: 0.25 }).normalise?.std[2], 0.25);
});

test('without a file, the usual processor of the model type', () => {
  assert.deepEqual(pictureProcessor(null), pictureProcessor({}));
  assert.deepEqual(pictureProcessor(null, 'vit'), pictureProcessor({}));
  const dino = pictureProcessor(null, 'dinov2');
  assert.deepEqual([dino.resize, dino.crop], [{ shortestEdge: 256 }, { height: 224, width: 224 }]);
  assert.equal(dino.normalise?.mean[0], 0.485);
  assert.throws(() => pictureProcessor(null, 'swin'), /no usual processor is known for the model type "swin"/);
  assert.throws(() => pictureProcessor(null, 'toString'), /no usual processor/);
});

test("a model's folder", (t) => {
  const dir = tempDir(t);
  assert.deepEqual(readPictureProcessor(dir, 'clip'), pictureProcessor(null, 'clip'));
  const write = (text: string) => writeFileSync(join(dir, 'preprocessor_config.json'), text);
  write('{"size": 20, "_valid_processor_keys": ["x"], "do_pad": false, "size_divisor": null, "do_convert_rgb": true}');
  assert.deepEqual(outputSize(readPictureProcessor(dir)), { height: 20, width: 20 });
  write('{');
  assert.throws(() => readPictureProcessor(dir), /preprocessor_config\.json is not JSON/);
  write('[1]');
  assert.throws(() => readPictureProcessor(dir), /preprocessor_config\.json: is no JSON object/);
  mkdirSync(join(dir, 'empty'));
});

const REFUSED: [config: Record<string, unknown>, message: RegExp][] = [
  [
    { image_processor_type: 'SwinImageProcessor' },
    /image_processor_type "SwinImageProcessor" is not known; known are "ViTI/,
  ],
  [{ image_processor_type: 'DINOv3ViTImageProcessorFast' }, /is not known/],
  [{ image_processor_type: 'constructorImageProcessor' }, /is not known/],
  [{ image_processor_type: 3 }, /image_processor_type 3 is not known/],
  [{ do_pad: true }, /the option "do_pad" is not known here and may change the pictures/],
  [{ do_flip_channel_order: true }, /"do_flip_channel_order"/],
  [{ offset: 1 }, /"offset"/],
  [{ resample: 0 }, /resample 0 is not known/],
  [{ size: { longest_edge: 3 } }, /size must have height and width, or shortest_edge, not \{"longest_edge":3\}/],
  [{ size: { shortest_edge: 3, longest_edge: 5 } }, /size must have/],
  [{ size: { height: 0, width: 3 } }, /size\.height must be an integer between 1 and 8192, not 0/],
  [{ size: 1e9 }, /size must be an integer between 1 and 8192/],
  [{ do_center_crop: true, crop_size: { shortest_edge: 3 } }, /crop_size must have height and width/],
  [{ do_center_crop: true }, /crop_size must be an integer/],
  [{ image_mean: [1, 2] }, /image_mean must be three numbers, not \[1,2\]/],
  [{ image_std: [1, 0, 1] }, /image_std must not be 0/],
  [{ rescale_factor: '1/255' }, /rescale_factor must be a number/],
  [{ do_resize: 'yes' }, /do_resize must be true or false, not "yes"/],
];
for (const [config, message] of REFUSED) {
  test(`refuses ${JSON.stringify(config)}`, () => {
    assert.throws(
      () => pictureProcessor(config),
      (error: Error) => error.name === 'UserError' && message.test(error.message),
    );
  });
}

test('another size: the crop becomes it, what comes before changes in proportion', () => {
  const of = (config: Record<string, unknown>) => withPictureSize(pictureProcessor(config), 112);
  assert.deepEqual(of({}).resize, { height: 112, width: 112 });
  const dino = withPictureSize(pictureProcessor(null, 'dinov2'), 112);
  assert.deepEqual([dino.resize, dino.crop], [{ shortestEdge: 128 }, { height: 112, width: 112 }]);
  const deit = of({ image_processor_type: 'DeiTImageProcessor' });
  assert.deepEqual(
    [deit.resize, deit.crop],
    [
      { height: 128, width: 128 },
      { height: 112, width: 112 },
    ],
  );
  assert.deepEqual(outputSize(of({ do_resize: false })), { height: 112, width: 112 });
  for (const size of [0, 1.5, 10_000, Number.NaN]) {
    assert.throws(() => withPictureSize(pictureProcessor({}), size), /^UserError: the size of pictures/);
  }
});

test('a picture too narrow for its shorter edge', () => {
  const picture = { width: 1, height: 2000, data: new Uint8Array(6000) };
  const clip = pictureProcessor(null, 'clip');
  assert.throws(() => fitPicture(picture, clip, 'line.png'), /^UserError: line\.png: 1 x 2000 is too narrow/);
});
