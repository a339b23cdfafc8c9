/** House numbers: one digit in the middle, parts of others beside it, on an uneven wall. */
import type { Random } from '../../../tensor/random';
import { Picture, within } from '../canvas';
import { fractal, shaded } from '../fields';
import type { Painter, PictureSet } from '../set';
import { anyPose, posed } from '../shapes';
import { DIGITS, drawn } from '../strokes';

const number =
  (digit: number): Painter =>
  (random: Random) => {
    const bright = random.uniform() < 0.5;
    const wall = within(random, bright ? 0.15 : 0.6, bright ? 0.4 : 0.85);
    const ink = bright ? within(random, 0.75, 1) : within(random, 0, 0.25);
    const picture = new Picture(shaded(wall, 0.2, fractal(random, 3, 2)));
    const pose = anyPose(random, 0.12, 0.2, [0.9, 1.25]);
    const slant = within(random, -0.25, 0.25);
    const width = within(random, 0.85, 1.15);
    const thickness = within(random, 2, 4);
    const map = posed(pose);
    for (const step of [-1, 0, 1]) {
      if (step !== 0 && random.uniform() < 0.3) continue;
      const figure = DIGITS[step === 0 ? digit : random.int(10)];
      const shift = step * within(random, 0.95, 1.1);
      picture.lines(
        drawn(figure, (u, v) => map(width * (u + slant * -v + shift), v)),
        thickness,
        ink,
      );
    }
    return picture;
  };

export const houseNumbers: PictureSet = {
  name: 'house-numbers',
  title: 'House numbers',
  classes: Object.fromEntries(DIGITS.map((_, digit) => [`digit ${digit}`, number(digit)])),
  camera: { contrast: [0.3, 0.9], inverted: 0, gradient: 0.3, noise: 0.15 },
};
